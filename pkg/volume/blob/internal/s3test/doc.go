// Package s3test runs a real S3 server for tests: versitygw, which keeps its
// objects in a folder. Its module is pinned in versitygw.mod, apart from the
// module of this package, so that nothing of it is among our dependencies.
package s3test
