package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestRemoveSocket(t *testing.T) {
	bundle := t.TempDir()
	if err := removeSocket(bundle); err != nil {
		t.Errorf("no address: %v", err)
	}
	socket := filepath.Join(bundle, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := os.WriteFile(filepath.Join(bundle, addressFile), []byte("unix://"+socket), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, answers := range []bool{true, false} {
		if !answers {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := removeSocket(bundle); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(socket); (err == nil) != answers {
			t.Errorf("answers: %v, the socket: %v", answers, err)
		}
	}
	if err := removeSocket(bundle); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}
