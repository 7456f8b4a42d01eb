package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// checkMode compares type and permissions, all bits of them.
func checkMode(path string, mode uint32) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err
	}
	if st.Mode != mode {
		return fmt.Errorf("mode of %s is %#o, want %#o", path, st.Mode, mode)
	}
	return nil
}

func checkContent(path string, content []byte) error {
	got, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, content) {
		return fmt.Errorf("%s has %d bytes that are not the %d written", path, len(got), len(content))
	}
	return nil
}

func checkAbsent(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is still there (lstat: %v)", path, err)
	}
	return nil
}

// runReadOnly expects EROFS from everything that writes, and a readable
// directory with every regular file in it readable.
func runReadOnly(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	dir := args[0]
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if _, err := os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	missing := filepath.Join(dir, "written")
	writes := map[string]error{
		"create":  unix.Mknod(missing, unix.S_IFREG|0o644, 0),
		"mkdir":   unix.Mkdir(missing, 0o755),
		"symlink": unix.Symlink("x", missing),
		"chmod":   unix.Chmod(dir, 0o777),
		"utimes":  unix.Utimes(dir, make([]unix.Timeval, 2)),
		"xattr":   unix.Setxattr(dir, "user.directfs", []byte("x"), 0),
	}
	for name, err := range writes {
		if !errors.Is(err, unix.EROFS) {
			return fmt.Errorf("%s: %v, want %w", name, err, unix.EROFS)
		}
	}
	return nil
}
