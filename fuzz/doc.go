// Package fuzz holds the fuzz targets that cross packages: what the runtime
// decides is compared with what the engine's own code makes of it, and with
// what the engine would have decided alone. Each target is also a rapid
// property, so that a plain "go test" draws some cases; to go on drawing, for
// one target:
//
//	go test -fuzz='^FuzzAgainstUpstream$' ./fuzz
package fuzz
