// Package e2e has the tests of volumed with real sandboxes, a real S3 server and
// real processes, above all of what fails. They need root.
package e2e
