package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/directfs/runsc/runsc/internal/e2e/layers"
	"golang.org/x/sys/unix"
)

// Cases of an overlay that are about reading directories.

// dirent is an entry as getdents64(2) gives it.
type dirent struct {
	name   string
	offset int64
	typ    byte
}

// getdents reads once, with a buffer of the size. At the end it returns none.
func getdents(fd, size int) ([]dirent, error) {
	buf := make([]byte, size)
	n, err := unix.Getdents(fd, buf)
	var all []dirent
	for buf = buf[:max(n, 0)]; len(buf) >= 19; {
		length := binary.NativeEndian.Uint16(buf[16:])
		name, _, _ := bytes.Cut(buf[19:length], []byte{0})
		all = append(all, dirent{string(name), int64(binary.NativeEndian.Uint64(buf[8:])), buf[18]})
		buf = buf[length:]
	}
	return all, err
}

// entriesOf reads all that is left, with "." and "..".
func entriesOf(fd int) ([]dirent, error) {
	var all []dirent
	for {
		some, err := getdents(fd, 1024)
		if err != nil || len(some) == 0 {
			return all, err
		}
		all = append(all, some...)
	}
}

// readNames reads a directory from its beginning.
func readNames(fd int) string {
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return outcome(err)
	}
	all, err := entriesOf(fd)
	var names []string
	for _, e := range all {
		names = append(names, strings.ReplaceAll(e.name, layers.LongName, "LONG"))
	}
	slices.Sort(names)
	return strings.Join(names, " ") + " " + outcome(err)
}

func overlayReaddir(s *scene) {
	for _, name := range []string{".", "merged", "pure", "hidden", "back", "both", "empty", "ud"} {
		fd := s.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
		s.fact("entries of "+name, readNames(fd))
		s.fact("entries once more of "+name, readNames(fd))
		s.close(fd)
		s.types(name)
	}
	s.step("getdents of a file", func() error { _, err := getdents(s.open("f", unix.O_RDONLY), 1024); return err }())
}

// types compares the types of entries with what stat says.
func (s *scene) types(name string) {
	fd := s.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	defer s.close(fd)
	all, err := entriesOf(fd)
	var wrong []string
	for _, e := range all {
		var st unix.Stat_t
		if err := unix.Lstat(s.p(name+"/"+e.name), &st); err != nil || st.Mode&unix.S_IFMT != uint32(e.typ)<<12 {
			wrong = append(wrong, fmt.Sprintf("%s %d", e.name, e.typ))
		}
	}
	slices.Sort(wrong)
	s.fact("entries of another type in "+name, wrong, " ", outcome(err))
}

// overlayChanging reads a directory that changes meanwhile. Only what POSIX
// defines is recorded: what was there all the time, and what a new reading from
// the beginning sees (readdir(3p)).
func overlayChanging(s *scene) {
	fd := s.open("merged", unix.O_RDONLY|unix.O_DIRECTORY)
	defer s.close(fd)
	first, err := getdents(fd, 64)
	s.step("first entries", err)
	s.write("merged/new", unix.O_CREAT|unix.O_WRONLY, "new\n")
	s.step("unlink", unix.Unlink(s.p("merged/two")))
	rest, err := entriesOf(fd)
	s.step("the rest", err)
	seen := map[string]int{}
	for _, e := range append(first, rest...) {
		seen[e.name]++
	}
	s.fact("unchanged ones", seen["one"], seen["three"], seen["four"], seen["gone"], seen["."])
	s.fact("from the beginning", readNames(fd))
	s.step("unlink new", unix.Unlink(s.p("merged/new")))
	s.step("rename", unix.Rename(s.p("merged/one"), s.p("merged/uno")))
	s.fact("from the beginning after", readNames(fd))
	s.seek(fd)
}

// seek goes back to the place after the second entry (seekdir(3)).
func (s *scene) seek(fd int) {
	_, err := unix.Seek(fd, 0, unix.SEEK_SET)
	s.step("rewind", err)
	all, err := entriesOf(fd)
	if s.step("read", err); len(all) < 3 {
		s.fact("entries", len(all))
		return
	}
	_, err = unix.Seek(fd, all[1].offset, unix.SEEK_SET)
	s.step("seek", err)
	again, err := entriesOf(fd)
	s.fact("the same after seeking", slices.EqualFunc(again, all[2:], func(a, b dirent) bool { return a.name == b.name }), " ", outcome(err))
}

// overlayMany removes entries while it reads them, as rm -r does.
func overlayMany(s *scene) {
	const count = 300
	for i := range count {
		fd, err := unix.Open(s.p("pure/"+strconv.Itoa(i)), unix.O_CREAT|unix.O_WRONLY, 0o644)
		s.must("create", err)
		s.close(fd)
	}
	fd := s.open("pure", unix.O_RDONLY|unix.O_DIRECTORY)
	all, err := entriesOf(fd)
	s.fact("entries", len(all), " ", outcome(err))
	_, err = unix.Seek(fd, 0, unix.SEEK_SET)
	s.step("rewind", err)
	removed := 0
	for {
		some, err := getdents(fd, 512)
		if err != nil || len(some) == 0 {
			s.step("end", err)
			break
		}
		for _, e := range some {
			if unix.Unlink(s.p("pure/"+e.name)) == nil {
				removed++
			}
		}
	}
	s.fact("removed", removed)
	s.close(fd)
	s.list("pure")
}
