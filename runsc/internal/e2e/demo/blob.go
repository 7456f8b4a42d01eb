package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// playBlob runs a container with a directfs mount and a mount of a bucket side by
// side, and shows what each process holds. The bucket is a directory of the host:
// no account and no network.
func (s *stage) playBlob(ctx context.Context, volumed string) (err error) {
	dir, store := filepath.Join(s.dir, "blob"), filepath.Join(s.dir, "store")
	bucket := filepath.Join(store, "bucket")
	if err := errors.Join(os.Mkdir(dir, 0o711), os.MkdirAll(bucket, 0o755), os.WriteFile(filepath.Join(bucket, "hello.txt"), []byte("hello from the bucket"), 0o644)); err != nil {
		return err
	}
	id := filepath.Base(s.dir) + "-blob"
	before, err := harness.Scope{Dir: dir, IDPrefix: id}.Snapshot()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leftover(before, dir)) }()
	fmt.Println("\nstarting volumed ...")
	d, err := startVolumed(ctx, volumed, store, bucket)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()

	bundle, err := harness.NewBundle(filepath.Join(dir, "bundle"), s.built.Guest, harness.Mount("/a"), harness.Mount("/bucket", "rw", "gofer=demo/bucket"),
		harness.Args("serve", "/", "/a"))
	if err != nil {
		return err
	}
	plan, err := ociconfig.Plan(bundle.Spec, ociconfig.Options{Flag: true, RootfsCache: directfspolicy.CacheExclusive, Gofers: d.gofers(ctx)})
	if err != nil {
		return err
	}
	fmt.Printf("\nThe plan, from the spec and from what volumed says:\n\n%s", indent(plan.String()))
	rt, err := harness.NewRuntime(s.built.Runsc, dir, "--directfs=true", "--volume-daemon=demo=unix:"+d.socket)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeRuntime(rt)) }()
	fmt.Println("\nstarting the container ...")
	c, err := rt.Create(ctx, id, bundle)
	if err == nil {
		err = c.Start(ctx)
	}
	if err != nil {
		return err
	}
	report, err := c.Report(ctx)
	if err != nil {
		return err
	}
	s.showGuest(plan, report)
	if err := s.showSandbox(c, plan); err != nil {
		return err
	}
	if err := errors.Join(s.showBucket(ctx, c, bucket), s.showDaemon(d)); err != nil {
		return err
	}
	return c.Stop(ctx)
}

// showBucket reads and writes in the bucket from within the container.
func (s *stage) showBucket(ctx context.Context, c *harness.Container, bucket string) error {
	fmt.Printf("\nThe container and the bucket:\n\n")
	read, err := c.Exec(ctx, "cat", "/bucket/hello.txt")
	if err != nil {
		return err
	}
	s.verdict("the container reads", []string{"hello from the bucket"}, []string{read.Stdout})
	wrote, err := c.Exec(ctx, "write", "/bucket/answer.txt", "hello from the container")
	if err := errors.Join(err, read.Err(), wrote.Err()); err != nil {
		return err
	}
	object, err := os.ReadFile(filepath.Join(bucket, "answer.txt"))
	if err != nil {
		return err
	}
	s.verdict("the bucket has", []string{"hello from the container"}, []string{strings.TrimSuffix(string(object), "\n")})
	return nil
}

// showDaemon prints the processes that serve the bucket.
func (s *stage) showDaemon(d *daemon) error {
	workers, err := childrenOf(d.cmd.Process.Pid)
	if err != nil {
		return err
	}
	fmt.Printf("\nWhat serves the bucket, outside of the sandbox:\n\n")
	fmt.Printf("          volumed (pid %d): the socket and the credentials of the stores\n", d.cmd.Process.Pid)
	s.verdict("workers, one a sandbox", []string{"1"}, []string{strconv.Itoa(len(workers))})
	for _, pid := range workers {
		st, err := harness.ReadStatus(pid)
		if err != nil {
			return err
		}
		fmt.Printf("          worker (pid %d): user %d; the other end of /bucket, and the bucket\n", pid, st.Uid[1])
	}
	return nil
}

func childrenOf(parent int) (pids []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		status, err := os.ReadFile("/proc/" + e.Name() + "/status")
		if err != nil || !strings.Contains(string(status), "\nPPid:\t"+strconv.Itoa(parent)+"\n") {
			continue
		}
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// daemon is a running volumed.
type daemon struct {
	cmd    *exec.Cmd
	socket string
}

func startVolumed(ctx context.Context, program, dir, bucket string) (*daemon, error) {
	d := &daemon{socket: filepath.Join(dir, "volumed.sock")}
	d.cmd = exec.Command(program, "serve", "--socket", d.socket, "--state-dir", filepath.Join(dir, "state"),
		"--volume", "bucket=file://"+bucket+"?metadata=skip")
	d.cmd.Stdout = os.Stdout
	log, err := d.cmd.StderrPipe()
	if err == nil {
		err = d.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting volumed: %w (make build builds it)", err)
	}
	ready := make(chan bool, 2)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if strings.Contains(lines.Text(), "msg=listening") {
				ready <- true
			}
		}
		ready <- false
	}()
	select {
	case ok := <-ready:
		if ok {
			return d, nil
		}
	case <-ctx.Done():
	}
	return nil, errors.Join(errors.New("volumed does not listen"), d.stop())
}

func (d *daemon) stop() error {
	_ = d.cmd.Process.Signal(unix.SIGTERM)
	return d.cmd.Wait()
}

// gofers asks the daemon as creating a container does.
func (d *daemon) gofers(ctx context.Context) map[string]ociconfig.GoferFunc {
	return map[string]ociconfig.GoferFunc{"demo": func(q ociconfig.GoferQuery) (directfspolicy.Gofer, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		a, err := handoff.ParseAddress("unix:" + d.socket)
		if err != nil {
			return directfspolicy.Gofer{}, err
		}
		i, err := handoff.Ask(ctx, a, handoff.Request{Volume: q.Name.Volume, Mount: q.Mounts[0], ReadOnly: q.ReadOnly})
		return directfspolicy.Gofer{DonatesRoot: i.DonatesRoot, ReadOnly: i.ReadOnly, Outside: true}, err
	}}
}
