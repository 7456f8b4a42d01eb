package main

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// attempts are all attempts by name. Each goes on after a failure: what counts
// is whether anything succeeds.
var attempts = map[string]func(*attack) error{
	"dotdot":          (*attack).dotdot,
	"down":            (*attack).down,
	"absolute":        (*attack).absolute,
	"openat2":         (*attack).openat2,
	"symlinks":        (*attack).symlinks,
	"procfs":          (*attack).procfs,
	"hard-links":      (*attack).hardLinks,
	"renames":         (*attack).renames,
	"mount-calls":     (*attack).mountCalls,
	"user-namespace":  (*attack).userNamespace,
	"handles":         (*attack).handles,
	"read-only":       (*attack).readOnlyWrites,
	"processes":       (*attack).processes,
	"rename-race":     (*attack).renameRace,
	"filtered-calls":  (*attack).filteredCalls,
	"filtered-handle": (*attack).filteredHandle,

	// What userNamespace does when it is in one.
	"in-user-namespace": (*attack).inUserNamespace,
}

func (a *attack) dotdot() error {
	for _, d := range a.in.Dirs {
		for n := range 40 {
			a.open(d, strings.Repeat("../", n+1), unix.O_PATH)
		}
		a.up(d, fmt.Sprintf("FD %d", d))
	}
	return nil
}

// down goes into whatever is below the directories.
func (a *attack) down() error {
	for _, d := range a.in.Dirs {
		a.look(d, fmt.Sprintf("FD %d", d))
		for _, n := range a.in.Names {
			a.open(d, strings.TrimLeft(n, "/"), unix.O_PATH)
			a.open(d, strings.TrimLeft(n, "/"), unix.O_RDONLY)
		}
	}
	return nil
}

// absolute starts at the root and at the working directory.
func (a *attack) absolute() error {
	for _, n := range append([]string{"/", "/..", ".", "..", "../../../..", "/proc", "/etc"}, a.in.Names...) {
		a.open(unix.AT_FDCWD, n, unix.O_PATH)
		for _, d := range a.in.Dirs {
			a.open(d, "/"+strings.TrimLeft(n, "/"), unix.O_RDONLY)
		}
	}
	return nil
}

func (a *attack) openat2() error {
	paths := append([]string{"..", "../..", "/..", "/", ".", "up", "up/..", "absolute"}, a.in.Names...)
	for _, resolve := range []uint64{
		0, unix.RESOLVE_BENEATH, unix.RESOLVE_IN_ROOT, unix.RESOLVE_NO_XDEV,
		unix.RESOLVE_NO_MAGICLINKS, unix.RESOLVE_NO_SYMLINKS, unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_XDEV,
	} {
		for _, d := range append(a.in.Dirs, unix.AT_FDCWD) {
			for _, p := range paths {
				how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve}
				fd, err := unix.Openat2(d, p, &how)
				a.opened(fd, err, fmt.Sprintf("openat2(%d, %q, %#x)", d, p, resolve))
			}
		}
	}
	return nil
}

// links are what the test has put into every mount, as a container could.
var links = []string{"up", "absolute", "off", "off-relative", "magic", "self"}

func (a *attack) symlinks() error {
	for _, d := range a.in.Dirs {
		for _, l := range links {
			for _, more := range append([]string{"", "/", "/..", "/../.."}, a.in.Names...) {
				a.open(d, l+more, unix.O_PATH)
				a.open(d, "planted/"+l+more, unix.O_RDONLY)
			}
		}
	}
	return nil
}

// procfs looks for a procfs in reach. Its magic links lead anywhere.
func (a *attack) procfs() error {
	paths := []string{"proc/self/root", "proc/1/root", "proc/self/cwd", "proc/thread-self/root", "dev/fd/0", "proc/1/cwd"}
	for n := range 64 {
		paths = append(paths, fmt.Sprintf("proc/self/fd/%d", n), fmt.Sprintf("proc/1/fd/%d", n))
	}
	for _, d := range append(a.in.Dirs, unix.AT_FDCWD) {
		for _, p := range paths {
			a.open(d, p, unix.O_PATH)
			if d == unix.AT_FDCWD {
				a.open(d, "/"+p, unix.O_RDWR)
			}
		}
	}
	return nil
}

// renameRace resolves ".." again and again while somebody outside moves the
// directory that it starts in out of the mount and back. The directory is the
// first of the names.
func (a *attack) renameRace() error {
	for _, d := range a.in.Dirs {
		// It may be away just now.
		inner, err := unix.Openat(d, a.in.Names[0], unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		for range a.in.Rounds {
			if err == nil {
				break
			}
			inner, err = unix.Openat(d, a.in.Names[0], unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		}
		if err != nil {
			a.note(err)
			continue
		}
		for range a.in.Rounds {
			for _, p := range []string{"..", "../..", "../../.."} {
				fd, err := unix.Openat(inner, p, unix.O_PATH|unix.O_CLOEXEC, 0)
				if a.note(err); err == nil {
					a.identify(fd, "a rename during openat "+p)
					unix.Close(fd)
				}
			}
		}
		unix.Close(inner)
	}
	return nil
}

// identify looks at one file only.
func (a *attack) identify(fd int, how string) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		a.note(err)
		return
	}
	a.result.Looked++
	if name, ok := a.forbidden[inodeOf(&st)]; ok {
		a.breach(fmt.Sprintf("reached %s by %s", name, how))
	}
}
