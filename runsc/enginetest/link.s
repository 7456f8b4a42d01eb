// An assembly file, if an empty one, lets link.go declare functions without a
// body.
