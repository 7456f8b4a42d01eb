package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/attacker/job"
	"golang.org/x/sys/unix"
)

// sandbox is the process whose place is taken, and what was taken of it.
type sandbox struct {
	pid         int
	status      harness.Status
	dirs, files []int
	uid, gid    int // inside its user namespace
	exe         int
	only        []job.Inode
}

func open(pid int, only []job.Inode) (*sandbox, error) {
	s := &sandbox{pid: pid, only: only}
	var err error
	if s.status, err = harness.ReadStatus(pid); err != nil {
		return nil, err
	}
	if s.uid, err = inside(pid, "uid_map", s.status.Uid[1]); err != nil {
		return nil, err
	}
	if s.gid, err = inside(pid, "gid_map", s.status.Gid[1]); err != nil {
		return nil, err
	}
	if s.exe, err = unix.Open("/proc/self/exe", unix.O_RDONLY, 0); err != nil {
		return nil, err
	}
	return s, s.takeFDs()
}

// inside translates a host ID into the process's user namespace.
func inside(pid int, file string, id int) (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		var in, out, size int
		if _, err := fmt.Sscan(line, &in, &out, &size); err != nil {
			return 0, err
		}
		if id >= out && id < out+size {
			return in + id - out, nil
		}
	}
	return 0, fmt.Errorf("ID %d is not in %s of %d: %q", id, file, pid, data)
}

// takeFDs takes every FD of a directory, of a file of a file system, and every
// O_PATH FD, from every thread's point of view: threads share them.
func (s *sandbox) takeFDs() error {
	pidfd, err := unix.PidfdOpen(s.pid, 0)
	if err != nil {
		return fmt.Errorf("pidfd_open: %w", err)
	}
	defer unix.Close(pidfd)
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
	if err != nil {
		return err
	}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			return err
		}
		fd, err := unix.PidfdGetfd(pidfd, n, 0)
		if errors.Is(err, unix.EBADF) {
			continue // closed in the meantime
		}
		if err != nil {
			return fmt.Errorf("pidfd_getfd %d: %w", n, err)
		}
		if err := s.sort(fd, filepath.Join("/proc/self/fd", strconv.Itoa(fd))); err != nil {
			return err
		}
	}
	return nil
}

// sort keeps the FD, across exec, or closes it.
func (s *sandbox) sort(fd int, link string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	target, err := os.Readlink(link)
	if err != nil {
		return err
	}
	switch {
	case len(s.only) > 0 && !slices.Contains(s.only, inodeOf(&st)):
		return unix.Close(fd)
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		s.dirs = append(s.dirs, fd)
	case flags&unix.O_PATH != 0, st.Mode&unix.S_IFMT == unix.S_IFREG && !strings.HasPrefix(target, "/memfd:"):
		s.files = append(s.files, fd)
	default:
		return unix.Close(fd)
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
	return err
}

// attempt runs one attempt in the sandbox's place.
func (s *sandbox) attempt(j job.Job, name string) (job.Result, error) {
	in := job.Inner{Job: j, Attempt: name, Dirs: s.dirs, Files: s.files, Exe: s.exe, Caps: uint64(s.status.Effective), UID: s.uid}
	if filtered[name] {
		var err error
		if in.Filters, err = filters(s.pid, s.status.SeccompFilters); err != nil {
			return job.Result{}, err
		}
	}
	p := &program{}
	if err := s.position(p); err != nil {
		return job.Result{}, err
	}
	return start(p, in)
}

// start runs the program, and then this one with the job, and reads the result.
func start(p *program, in job.Inner) (job.Result, error) {
	var r job.Result
	out, err := unix.MemfdCreate("result", 0)
	if err != nil {
		return r, err
	}
	defer unix.Close(out)
	if in.In, err = unix.MemfdCreate("job", 0); err != nil {
		return r, err
	}
	defer unix.Close(in.In)
	in.Out = out
	data, err := json.Marshal(in)
	if err != nil {
		return r, err
	}
	if _, err := unix.Pwrite(in.In, data, 0); err != nil {
		return r, err
	}
	ws, err := p.run(p.exec(in.Exe, in.In))
	if err != nil {
		return r, err
	}
	if ws != 0 {
		return r, fmt.Errorf("ended with status %#x (from %d on: call %d failed)", int(ws), failedStep, ws.ExitStatus()-failedStep)
	}
	if data, err = readAll(out); err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

func readAll(fd int) ([]byte, error) {
	var out bytes.Buffer
	buf := make([]byte, 1<<16)
	for {
		n, err := unix.Pread(fd, buf, int64(out.Len()))
		if n <= 0 || err != nil {
			return out.Bytes(), err
		}
		out.Write(buf[:n])
	}
}
