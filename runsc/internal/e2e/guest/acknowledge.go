package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"golang.org/x/sys/unix"
)

// runAcknowledge writes contents with numbers until it fails or is killed. After
// each it prints "stored" and the number: then close(2), and rename(2) where there
// is one, have returned success.
func runAcknowledge(args []string) error {
	if err := want(args, 2); err != nil {
		return err
	}
	number, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for ; ; number++ {
		err := writeNumbered(args[0], number)
		var errno unix.Errno
		if errors.As(err, &errno) {
			fmt.Println("failed", number, unix.ErrnoName(errno))
		}
		if err != nil {
			return err
		}
		fmt.Println("stored", number)
	}
}

func writeNumbered(dir string, number int) error {
	name, temporary := report.NumberedName(number)
	path := filepath.Join(dir, name)
	if temporary == "" {
		return writeClosed(path, number)
	}
	from := filepath.Join(dir, temporary)
	if err := writeClosed(from, number); err != nil {
		return err
	}
	return os.Rename(from, path)
}

// writeClosed writes in two pieces, the first of which is synced for every other
// content. What counts is close(2): the sandbox drops the error of fsync(2).
func writeClosed(path string, number int) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	content := report.NumberedContent(number)
	half := len(content) / 2
	_, err = f.Write(content[:half])
	if err == nil && number%2 == 0 {
		err = f.Sync()
	}
	if err == nil {
		_, err = f.Write(content[half:])
	}
	return errors.Join(err, f.Close())
}
