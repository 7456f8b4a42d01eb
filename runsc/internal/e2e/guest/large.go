package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// runFill writes a large file in pieces, and prints the hash of what it wrote
// when close(2) has succeeded.
func runFill(args []string) error {
	if err := want(args, 2); err != nil {
		return err
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(args[0], os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	hash := sha256.New()
	err = fill(io.MultiWriter(f, hash), size)
	if err == nil {
		fmt.Println("written")
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Printf("%x\n", hash.Sum(nil))
	return nil
}

func fill(w io.Writer, size int64) error {
	_, err := io.CopyN(w, rand.NewChaCha8([32]byte{1}), size)
	return err
}

func runHash(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	fmt.Printf("%x\n", hash.Sum(nil))
	return nil
}

func runMapped(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	content, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	fmt.Printf("%x\n", sha256.Sum256(content))
	return unix.Munmap(content)
}

// runOpenAll opens new files until that fails, and has them open until SIGUSR1.
func runOpenAll(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGUSR1)
	var files []*os.File
	for {
		f, err := os.OpenFile(filepath.Join(args[0], fmt.Sprint("open-", len(files))), os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			files = append(files, f)
			continue
		}
		var errno unix.Errno
		if !errors.As(err, &errno) {
			return err
		}
		fmt.Println(len(files), unix.ErrnoName(errno))
		break
	}
	<-signals
	for _, f := range files {
		if err := f.Close(); err != nil {
			return err
		}
	}
	fmt.Println("closed")
	signal.Notify(signals, unix.SIGTERM)
	<-signals
	return nil
}
