package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// runMerged expects the files append, remove and rename, and the directory
// replace, in a lower layer.
func runMerged(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	dir := args[0]
	in := func(name string) string { return filepath.Join(dir, name) }
	file, err := os.OpenFile(in("append"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := file.WriteString("more\n"); err != nil {
		return err
	}
	steps := []error{
		file.Close(), os.Remove(in("remove")), os.Rename(in("rename"), in("renamed")),
		os.RemoveAll(in("replace")), os.Mkdir(in("replace"), 0o750), os.WriteFile(in("new"), []byte("new\n"), 0o640),
	}
	for i, err := range steps {
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	files := map[string]string{}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(files)
}

// runUncover needs CAP_SYS_ADMIN for the mounts.
func runUncover(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	found := []string{nameList(args[0])}
	for unix.Unmount(args[0], unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == nil {
		found = append(found, nameList(args[0]))
		_ = filepath.WalkDir(args[0], func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				text, err := os.ReadFile(path)
				found = append(found, fmt.Sprint(path, len(text), err))
			}
			return nil
		})
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}
