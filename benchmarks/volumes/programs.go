package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is one that this project does not build itself.
type program struct {
	name string

	// pkg is the Go package with its version that it is built from.
	pkg string

	// install says how else to get it.
	install string

	// device is what it needs of the kernel.
	device string
}

var (
	rcloneProgram    = program{name: "rclone", pkg: "github.com/rclone/rclone@v1.76.0"}
	s3ServerProgram  = program{name: "versitygw", pkg: "github.com/versity/versitygw/cmd/versitygw@v1.8.0"}
	gcsServerProgram = program{name: "fake-gcs-server", pkg: "github.com/fsouza/fake-gcs-server@v1.56.1"}
	gcsfuseProgram   = program{name: "gcsfuse", pkg: "github.com/googlecloudplatform/gcsfuse/v3@v3.13.0"}
	s3fsProgram      = program{name: "s3fs", install: "apt-get install s3fs"}
	fuseProgram      = program{name: "fusermount3", install: "apt-get install fuse3", device: "/dev/fuse"}
)

// Programs are the paths of those that were found or built, by their names.
type Programs struct {
	// Dir is where programs are built, one directory for each version. What is
	// there is not built again.
	Dir string

	// Volumed is this project's daemon.
	Volumed string

	paths map[string]string
}

func (p Programs) path(q program) string { return p.paths[q.name] }

// Find finds or builds what clients need. Clients that lack something are left
// out, with a line that says what.
func (p *Programs) Find(ctx context.Context, clients []Client, say func(string)) (usable []Client, missing []string, err error) {
	p.paths = map[string]string{}
	// The buckets are filled by rclone.
	if err := p.find(ctx, rcloneProgram, say); err != nil {
		return nil, nil, err
	}
	for _, c := range clients {
		var errs error
		for _, q := range c.programs {
			errs = errors.Join(errs, p.find(ctx, q, say))
		}
		if c.volumed {
			errs = errors.Join(errs, p.findVolumed())
		}
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if errs != nil {
			missing = append(missing, fmt.Sprintf("%s: %s: skipped", c.Name, strings.ReplaceAll(errs.Error(), "\n", "; ")))
			continue
		}
		usable = append(usable, c)
	}
	return usable, missing, nil
}

func (p *Programs) find(ctx context.Context, q program, say func(string)) error {
	if p.paths[q.name] != "" {
		return nil
	}
	var path string
	var err error
	if q.pkg == "" {
		path, err = q.lookUp()
	} else {
		path, err = p.build(ctx, q, say)
	}
	if err != nil {
		return err
	}
	p.paths[q.name] = path
	return nil
}

// lookUp finds a program of the distribution.
func (q program) lookUp() (string, error) {
	if q.device != "" {
		if _, err := os.Stat(q.device); err != nil {
			return "", fmt.Errorf("%s is not there: the kernel has no FUSE, or this container no device for it", q.device)
		}
	}
	path, err := exec.LookPath(q.name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed; on Debian: %s", q.name, q.install)
	}
	return path, nil
}

// build returns a program that is built once for each version.
func (p *Programs) build(ctx context.Context, q program, say func(string)) (string, error) {
	_, version, _ := strings.Cut(q.pkg, "@")
	dir := filepath.Join(p.Dir, q.name+"-"+version)
	path := filepath.Join(dir, q.name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return path, install(ctx, q, dir, say)
}

// install builds a program into a directory, as it is released: with its own
// dependencies, and with a newer Go where it wants one.
func install(ctx context.Context, q program, dir string, say func(string)) error {
	say("building " + q.pkg + ", once; some minutes")
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", "-ldflags=-s -w", q.pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+dir, "GOFLAGS=", "GOTOOLCHAIN=auto")
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("go install %s: %w: %s", q.pkg, err, lines[len(lines)-1])
	}
	return nil
}

func (p *Programs) findVolumed() error {
	path, err := filepath.Abs(p.Volumed)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%s is not there; run make build", p.Volumed)
	}
	p.Volumed = path
	return nil
}
