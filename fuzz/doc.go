// Package fuzz holds the fuzz targets that cross packages: what the runtime
// decides is compared with what the engine's own code makes of it, and with
// what the engine would have decided alone. Each target is also a rapid
// property, so that a plain "go test" draws some cases. To draw more:
//
//	go test ./fuzz -rapid.checks=20000
//	go test -run='^$' -fuzz='^FuzzAgainstUpstream$' ./fuzz
//
// The latter builds the whole engine anew, instrumented for coverage, which
// takes minutes. A binary from "go test -c" fuzzes without that.
package fuzz
