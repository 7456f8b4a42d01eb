package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// runConnect talks to a socket of the host.
func runConnect(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	c, err := net.Dial("unix", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.Copy(os.Stdout, c)
	return err
}

func runChmod(args []string) error {
	if err := want(args, 2); err != nil {
		return err
	}
	mode, err := strconv.ParseUint(args[1], 8, 32)
	if err != nil {
		return err
	}
	if err := unix.Chmod(args[0], uint32(mode)); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(args[0], &st); err != nil {
		return err
	}
	fmt.Printf("%o\n", st.Mode&0o7777)
	return nil
}

// runList prints the names in a directory, or the error.
func runList(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	entries, err := os.ReadDir(args[0])
	if err != nil {
		return err
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return printJSON(names)
}

// runLine prints the next line of a file without waiting for its end.
func runLine(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	fmt.Print(line)
	return err
}
