// Package volumed is the daemon that serves object stores as volumes: its
// command line, its state directory, and what it tells of itself.
package volumed
