package workload

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	page  = 4 << 10
	chunk = 1 << 20
)

func nothing() error { return nil }

func startStat(int, Request) (job, error) {
	var st unix.Stat_t
	return job{func(i int) error { return unix.Stat(deepFiles[i%len(deepFiles)], &st) }, nothing}, nil
}

func startOpenRead(int, Request) (job, error) {
	buf := make([]byte, page)
	return job{func(i int) error {
		fd, err := unix.Open(deepFiles[i%len(deepFiles)], unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		n, err := unix.Read(fd, buf)
		if err == nil && n != page {
			err = fmt.Errorf("read %d bytes of %d", n, page)
		}
		return errors.Join(err, unix.Close(fd))
	}, nothing}, nil
}

func startCreate(worker int, _ Request) (job, error) {
	dir, buf := workerDir(worker), make([]byte, page)
	return job{func(i int) error {
		name := filepath.Join(dir, "new"+strconv.Itoa(i%64))
		fd, err := unix.Open(name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return err
		}
		_, err = unix.Write(fd, buf)
		return errors.Join(err, unix.Close(fd), unix.Unlink(name))
	}, nothing}, nil
}

func startRename(worker int, _ Request) (job, error) {
	from, to := filepath.Join(workerDir(worker), "name"), filepath.Join(workerDir(worker), "other")
	return job{func(int) error {
		if err := unix.Rename(from, to); err != nil {
			return err
		}
		return unix.Rename(to, from)
	}, nothing}, nil
}

func startReaddir(int, Request) (job, error) {
	// The size that glibc uses.
	buf := make([]byte, 32<<10)
	return job{func(int) error {
		fd, err := unix.Open(listDir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		for n := 1; n > 0 && err == nil; {
			n, err = unix.Getdents(fd, buf)
		}
		return errors.Join(err, unix.Close(fd))
	}, nothing}, nil
}

// onFile is a job on an open file.
func onFile(name string, flags int, op func(fd, i int) error) (job, error) {
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return job{}, fmt.Errorf("open %s: %w", name, err)
	}
	return job{func(i int) error { return op(fd, i) }, func() error { return unix.Close(fd) }}, nil
}

func outFile(worker int) string { return filepath.Join(workerDir(worker), "out") }

func startRandomRead(worker int, _ Request) (job, error) {
	buf, r := make([]byte, page), rand.New(rand.NewPCG(1, uint64(worker)))
	return onFile(bigFile, unix.O_RDONLY, func(fd, _ int) error {
		return all4K(unix.Pread(fd, buf, r.Int64N(bigSize/page)*page))
	})
}

func startRandomWrite(worker int, _ Request) (job, error) {
	buf, r := make([]byte, page), rand.New(rand.NewPCG(2, uint64(worker)))
	return onFile(outFile(worker), unix.O_WRONLY, func(fd, _ int) error {
		return all4K(unix.Pwrite(fd, buf, r.Int64N(outSize/page)*page))
	})
}

func all4K(n int, err error) error {
	if err == nil && n != page {
		return io.ErrShortWrite
	}
	return err
}

func startSeqRead(int, Request) (job, error) {
	buf := make([]byte, chunk)
	return onFile(bigFile, unix.O_RDONLY, func(fd, i int) error {
		_, err := unix.Pread(fd, buf, int64(i)%(bigSize/chunk)*chunk)
		return err
	})
}

func startSeqWrite(worker int, _ Request) (job, error) {
	buf := make([]byte, chunk)
	return onFile(outFile(worker), unix.O_WRONLY, func(fd, i int) error {
		_, err := unix.Pwrite(fd, buf, int64(i)%(outSize/chunk)*chunk)
		return err
	})
}

func startFsync(worker int, _ Request) (job, error) {
	buf := make([]byte, page)
	return onFile(outFile(worker), unix.O_WRONLY, func(fd, i int) error {
		if _, err := unix.Pwrite(fd, buf, int64(i)%(outSize/page)*page); err != nil {
			return err
		}
		return unix.Fsync(fd)
	})
}

// sink keeps the compiler from dropping reads.
var sink [MaxWorkers]byte

func startMmap(worker int, _ Request) (job, error) {
	const length = 4 << 20
	return onFile(bigFile, unix.O_RDONLY, func(fd, i int) error {
		m, err := unix.Mmap(fd, int64(i)%(bigSize/length)*length, length, unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		for at := 0; at < len(m); at += page {
			sink[worker] ^= m[at]
		}
		return unix.Munmap(m)
	})
}

func startWalk(int, Request) (job, error) {
	return job{func(int) error {
		files := 0
		err := filepath.WalkDir(sourceDir, func(_ string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			files++
			_, err = d.Info()
			return err
		})
		if err == nil && files < archiveFiles {
			err = fmt.Errorf("found %d files and directories, want at least %d", files, archiveFiles)
		}
		return err
	}, nothing}, nil
}
