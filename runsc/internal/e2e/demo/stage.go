package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/runsc/harness"
)

const ruler = "----------------------------------------------------------------------"

// scene is one container: the flag, and what is said about its mounts. The
// word "" says nothing.
type scene struct {
	title             string
	flag              bool
	root, a, b, plain string
}

func scenesFor(directfs string) ([]scene, error) {
	on := []scene{
		{"--directfs=true, one mount off, one on", true, "on", "off", "on", ""},
		{"--directfs=true, every mount off: the sandbox gives everything up", true, "off", "off", "off", "off"},
	}
	off := []scene{{"--directfs=false, the same hints as in the first scene", false, "on", "off", "on", ""}}
	switch directfs {
	case "true":
		return on, nil
	case "false":
		return off, nil
	case "both":
		return append(on, off...), nil
	}
	return nil, fmt.Errorf("--directfs=%q: want true, false or both", directfs)
}

// stage is where scenes are played.
type stage struct {
	dir    string
	built  harness.Binaries
	count  int
	differ int
}

// play runs the scene's container, shows it and removes it.
func (s *stage) play(ctx context.Context, sc scene) (err error) {
	s.count++
	dir := filepath.Join(s.dir, fmt.Sprint(s.count))
	if err := os.Mkdir(dir, 0o711); err != nil {
		return err
	}
	id := fmt.Sprintf("%s-%d", filepath.Base(s.dir), s.count)
	before, err := harness.Scope{Dir: dir, IDPrefix: id}.Snapshot()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leftover(before, dir)) }()

	bundle, err := harness.NewBundle(filepath.Join(dir, "bundle"), s.built.Guest,
		harness.Mount("/a"), harness.Mount("/b"), harness.Mount("/c"),
		harness.RootfsHint(sc.root), harness.MountHint("a", "/a", sc.a), harness.MountHint("b", "/b", sc.b), harness.MountHint("c", "/c", sc.plain),
		harness.Args("serve", "/", "/a", "/b", "/c"))
	if err != nil {
		return err
	}
	plan, err := ociconfig.Plan(bundle.Spec, ociconfig.Options{Flag: sc.flag, RootfsCache: directfspolicy.CacheExclusive})
	if err != nil {
		return err
	}
	fmt.Printf("\nThe plan, from the spec alone:\n\n%s", indent(plan.String()))

	rt, err := harness.NewRuntime(s.built.Runsc, dir, fmt.Sprintf("--directfs=%t", sc.flag))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeRuntime(rt)) }()
	fmt.Println("\nstarting the container ...")
	c, err := rt.Create(ctx, id, bundle)
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
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
	return c.Stop(ctx)
}

// closeRuntime tries twice: a signal for this process's group may still hit the
// first command, before that has a group of its own.
func closeRuntime(rt *harness.Runtime) error {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
	defer cancel()
	if rt.Close(ctx) == nil {
		return nil
	}
	return rt.Close(ctx)
}

// leftover removes what the scene made and says what it should not have left.
func leftover(before harness.Snapshot, dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
	defer cancel()
	err := os.RemoveAll(filepath.Join(dir, "bundle"))
	leaks, err2 := before.Diff(ctx)
	if len(leaks) > 0 {
		err2 = errors.Join(err2, fmt.Errorf("left behind: %s", strings.Join(leaks, "; ")))
	}
	return errors.Join(err, err2)
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n  "), "\n  \n", "\n\n") + "\n"
}
