package workload

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func startUntar(int, Request) (job, error) {
	out := "untar.out"
	return job{
		func(int) error { return untar(archiveFile, out) },
		func() error { return os.RemoveAll(out) },
	}, nil
}

// untar extracts directories and files.
func untar(archive, to string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	in := tar.NewReader(f)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", archive, err)
		}
		if err := extract(in, h, filepath.Join(to, h.Name)); err != nil {
			return err
		}
	}
}

// extract does what tar(1) does for one entry.
func extract(in io.Reader, h *tar.Header, path string) error {
	if h.Typeflag == tar.TypeDir {
		return os.MkdirAll(path, fs.FileMode(h.Mode))
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fs.FileMode(h.Mode))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in)
	return errors.Join(err, f.Close(), os.Chtimes(path, h.ModTime, h.ModTime))
}

// startCompile edits the source, so that the build cache has everything but
// the program itself.
func startCompile(_ int, r Request) (job, error) {
	wd, err := os.Getwd()
	if err != nil {
		return job{}, err
	}
	text := fmt.Sprintf(helloSource, time.Now().UnixNano())
	if err := os.WriteFile(filepath.Join(helloDir, "main.go"), []byte(text), 0o644); err != nil {
		return job{}, err
	}
	program := filepath.Join(wd, helloDir, "hello")
	cmd := exec.Command(r.Tools.Go, "build", "-trimpath", "-o", program, ".")
	cmd.Dir = helloDir
	cmd.Env = []string{
		"PATH=/nonexistent", "HOME=" + wd, "GOROOT=" + r.Tools.GOROOT, "GOCACHE=" + filepath.Join(wd, "gocache"),
		"GOPATH=" + filepath.Join(wd, "gopath"), "GOTMPDIR=" + filepath.Join(wd, helloDir),
		"GOENV=off", "GOFLAGS=-buildvcs=false", "GOTOOLCHAIN=local", "GOPROXY=off", "CGO_ENABLED=0",
	}
	return job{func(int) error { return run(cmd) }, func() error { return os.Remove(program) }}, nil
}

func startImport(_ int, r Request) (job, error) {
	cmd := exec.Command(r.Tools.Python, ImportArgs(r.Tools.Modules)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	return job{func(int) error { return run(cmd) }, nothing}, nil
}

// ImportArgs are the interpreter's arguments: nothing of the user's
// environment, and no compiled modules written.
func ImportArgs(modules []string) []string {
	return []string{"-I", "-B", "-c", "import " + strings.Join(modules, ", ")}
}

// run runs a command, for which nothing but the exit code matters.
func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd.Path, err, strings.TrimSpace(string(out)))
	}
	return nil
}
