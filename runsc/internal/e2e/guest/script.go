package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// script runs steps with files that stay open between them.
type script struct {
	files  map[string]*os.File
	mapped map[string][]byte
}

// runScript runs a step at each SIGUSR1 and prints what came of it, so that a
// test can do something on the host between two of them.
func runScript(steps []string) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGUSR1, unix.SIGTERM)
	s := script{files: map[string]*os.File{}, mapped: map[string][]byte{}}
	fmt.Println("ready")
	for _, step := range steps {
		if <-signals == unix.SIGTERM {
			return nil
		}
		result, err := s.run(strings.Fields(step))
		if err != nil {
			var errno unix.Errno
			if !errors.As(err, &errno) {
				return fmt.Errorf("step %q: %w", step, err)
			}
			result = unix.ErrnoName(errno)
		}
		fmt.Println(result)
	}
	return nil
}

var openFlags = map[string]int{
	"r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR, "create": os.O_RDWR | os.O_CREATE,
	"append": os.O_WRONLY | os.O_APPEND | os.O_CREATE,
}

// run runs one step: an operation, the path or the name of an open file that it
// is for, and its other arguments.
func (s script) run(words []string) (string, error) {
	if len(words) < 2 {
		return "", errors.New("want OPERATION FILE")
	}
	words = append(words, "", "")
	op, file, arg, arg2 := words[0], words[1], words[2], words[3]
	switch op {
	case "open": // open NAME FLAGS PATH
		f, err := os.OpenFile(arg2, openFlags[arg], 0o644)
		s.files[file] = f
		return "ok", err
	case "write", "fill", "sync", "truncate", "close":
		return "ok", s.change(op, s.files[file], arg)
	case "map": // map NAME LENGTH
		n, err := strconv.Atoi(arg)
		if err != nil {
			return "", err
		}
		s.mapped[file], err = unix.Mmap(int(s.files[file].Fd()), 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		return "ok", err
	case "poke":
		copy(s.mapped[file], arg)
		return "ok", nil
	case "peek":
		return string(s.mapped[file]), nil
	case "msync":
		return "ok", unix.Msync(s.mapped[file], unix.MS_SYNC)
	case "rename":
		return "ok", os.Rename(file, arg)
	case "link":
		return "ok", os.Link(file, arg)
	case "symlink":
		return "ok", os.Symlink(file, arg)
	case "chmod":
		return "ok", os.Chmod(file, 0o601)
	case "mkdir":
		return "ok", os.Mkdir(file, 0o755)
	}
	return s.look(op, file)
}

func (script) change(op string, f *os.File, arg string) error {
	switch op {
	case "write":
		_, err := f.WriteString(arg)
		return err
	case "sync":
		return f.Sync()
	case "truncate", "fill":
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return err
		}
		if op == "fill" {
			return fill(f, n)
		}
		return f.Truncate(n)
	}
	return f.Close()
}

// look reads without changing anything. A name stands for an open file.
func (s script) look(op, file string) (string, error) {
	switch op {
	case "cat":
		b, err := os.ReadFile(file)
		return string(b), err
	case "pread": // from the beginning
		b := make([]byte, 4096)
		n, err := unix.Pread(int(s.files[file].Fd()), b, 0)
		return string(b[:max(n, 0)]), err
	case "size":
		st, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		return strconv.FormatInt(st.Size(), 10), nil
	case "mode":
		st, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%04o", st.Mode().Perm()), nil
	case "list":
		entries, err := os.ReadDir(file)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		slices.Sort(names)
		return strings.Join(names, " "), err
	case "remove":
		return "ok", os.Remove(file)
	}
	return "", fmt.Errorf("no operation %q", op)
}
