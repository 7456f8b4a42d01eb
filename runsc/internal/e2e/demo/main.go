// Command demo runs containers with mixed decisions on this machine and shows,
// side by side, what the policy planned, what the guest sees and what the
// sandbox process really holds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/harness/filesystems"
	"golang.org/x/sys/unix"
)

func main() {
	directfs := flag.String("directfs", "both", "run the scenes with this --directfs: true, false or both")
	check := flag.Bool("check", false, "only check what the machine has")
	tools := flag.Bool("check-tools", false, "only check for the tools that make file systems for the tests")
	volumed := flag.String("volumed", "", "run one scene with a bucket, served by this program")
	flag.Parse()
	if *tools {
		if err := filesystems.Missing(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM, unix.SIGHUP, unix.SIGPIPE)
	defer stop()
	if err := run(ctx, *directfs, *volumed, *check); err != nil {
		stop()
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, directfs, volumed string, check bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*harness.Deadline)
	defer cancel()
	scenes, err := scenesFor(directfs)
	if err != nil {
		return err
	}
	if err := missing(ctx); err != nil || check {
		return err
	}
	dir, err := os.MkdirTemp("", "runsc-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// The unprivileged sandbox must get to its rootfs.
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	fmt.Println("building the guest program ...")
	built, err := harness.Build(ctx, dir+"/programs")
	if err != nil {
		return err
	}
	// So that a umask of 0 can be told from the runtime's own.
	unix.Umask(0o022)
	s := stage{dir: dir, built: built}
	if volumed != "" {
		if err := s.playBlob(ctx, volumed); err != nil {
			return err
		}
		scenes = nil
	}
	for i, sc := range scenes {
		fmt.Printf("\n%s\nScene %d of %d: %s\n%[1]s\n", ruler, i+1, len(scenes), sc.title)
		if err := s.play(ctx, sc); err != nil {
			return fmt.Errorf("scene %d: %w", i+1, err)
		}
	}
	if s.differ > 0 {
		return fmt.Errorf("%d lines differ from the plan", s.differ)
	}
	fmt.Println("\nEvery line is as planned. No process, mount, cgroup or file was left behind.")
	return nil
}

// missing says what the machine lacks, and how to go on.
func missing(ctx context.Context) error {
	if uid := os.Geteuid(); uid != 0 {
		return fmt.Errorf(`running sandboxes with and without directfs takes root, and the effective user id is %d
run it as root:  sudo env "PATH=$PATH" make demo   (the same goes for make test)`, uid)
	}
	self, err := harness.ReadStatus(os.Getpid())
	if err != nil {
		return err
	}
	if !self.Effective.Has(1 << unix.CAP_SYS_ADMIN) {
		return errors.New("root has no CAP_SYS_ADMIN here; outside of a container, or in a privileged one, it has")
	}
	// Any program will do for a try.
	return harness.Requirements(ctx, "true")
}
