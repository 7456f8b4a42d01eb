package overlaymount

import (
	"fmt"
	"strings"
)

// Driver is who makes one tree of the layers.
type Driver string

const (
	// Host is the host kernel's overlay file system.
	Host Driver = "host"
	// Sentry is the overlay file system of gVisor.
	Sentry Driver = "sentry"
)

// Code names a kind of finding. It is stable: plans keep it.
type Code string

// Finding is something that is wrong with an overlay. It is an error.
type Finding struct {
	Code Code

	// Option and Path are the mount option and the directory that it is about.
	Option, Path string

	// Problem is what is wrong, Fix what to do about it.
	Problem, Fix string

	// Warning is set where the overlay works all the same, but maybe not as the
	// user expects. It is mounted.
	Warning bool
}

// Error implements error.
func (f *Finding) Error() string {
	s := "overlay"
	if f.Option != "" {
		s += " option " + legible(f.Option)
	}
	if f.Path != "" {
		s += fmt.Sprintf(" %q", f.Path)
	}
	s += ": " + f.Problem
	if f.Fix != "" {
		s += ": " + f.Fix
	}
	return s
}

// legible quotes what is not plain to see in a message: spaces, the ends of lines, and
// what a terminal would obey. An option's name can be anything.
func legible(option string) string {
	quoted := quote(option)
	if strings.Contains(option, " ") || quoted != `"`+option+`"` {
		return quoted
	}
	return option
}
