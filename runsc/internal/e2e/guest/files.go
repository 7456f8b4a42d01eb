package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func runCat(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(os.Stdout, f)
	return err
}

func runWrite(args []string) error {
	if err := want(args, 2); err != nil {
		return err
	}
	return writeSynced(args[0], args[1]+"\n")
}

func runExit(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

// runOwn is apart from the battery: a user namespace may not map the ids.
func runOwn(args []string) error {
	if err := want(args, 3); err != nil {
		return err
	}
	uid, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	if err := os.Chown(args[0], uid, gid); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(args[0], &st); err != nil {
		return err
	}
	if int(st.Uid) != uid || int(st.Gid) != gid {
		return fmt.Errorf("owner is %d:%d after chown to %d:%d", st.Uid, st.Gid, uid, gid)
	}
	return nil
}

func runStat(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	fi, err := os.Lstat(args[0])
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(args[0], &st); err != nil {
		return err
	}
	return printJSON(map[string]any{
		"mode": fi.Mode().String(),
		"perm": fmt.Sprintf("%04o", st.Mode&0o7777),
		"uid":  st.Uid,
		"gid":  st.Gid,
		"size": st.Size,
	})
}

// writeSynced writes the whole file and waits until it is on disk.
func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}
