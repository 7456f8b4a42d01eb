package await

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/internal/firstprocess"
)

func watch(t *testing.T) (*Report, *os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), firstprocess.ReportName)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Watch(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r, file
}

func TestWait(t *testing.T) {
	for text, want := range map[string]string{"exec\n": "<nil>", "error: a\n": "a", "exec\nerror: b\n": "b"} {
		r, file := watch(t)
		// Closed without a word, it says nothing.
		if other, err := os.OpenFile(file.Name(), os.O_WRONLY, 0); err != nil || other.Close() != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := file.WriteString(text)
			if err = errors.Join(err, file.Close()); err != nil {
				t.Error(err)
			}
		}()
		if err := r.Wait(t.Context()); fmt.Sprint(err) != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// While the report is open its last word may be still to come.
func TestWaitForTheEnd(t *testing.T) {
	r, file := watch(t)
	defer file.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Wait(ctx) }()
	if _, err := file.WriteString("exec\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		t.Fatalf("an open report is believed: %v", err)
	default:
	}
	if _, err := file.WriteString("error: late\n"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; fmt.Sprint(err) != "late" {
		t.Errorf("got %v, want the last word", err)
	}
}

func TestWaitForAContainerThatEnds(t *testing.T) {
	r, file := watch(t)
	defer file.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Wait(ctx); !errors.Is(err, firstprocess.ErrUnfinished) {
		t.Errorf("got %v", err)
	}
}

func TestWatchNothing(t *testing.T) {
	if r, err := Watch(filepath.Join(t.TempDir(), "none")); err == nil {
		r.Close()
		t.Error("a report that is not there is watched")
	}
}
