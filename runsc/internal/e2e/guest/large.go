package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
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
	_, err = io.CopyN(io.MultiWriter(f, hash), rand.NewChaCha8([32]byte{1}), size)
	if err == nil {
		fmt.Println("written")
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Printf("%x\n", hash.Sum(nil))
	return nil
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

// runOpenAll has the files open until it is told to end.
func runOpenAll(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM)
	for n := 0; ; n++ {
		_, err := unix.Open(args[0], unix.O_RDONLY, 0)
		if err == nil {
			continue
		}
		var errno unix.Errno
		if !errors.As(err, &errno) {
			return err
		}
		fmt.Println(n, unix.ErrnoName(errno))
		<-stop
		return nil
	}
}
