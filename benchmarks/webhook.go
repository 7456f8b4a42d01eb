package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/directfs/runsc/benchmarks/webhook"
)

// webhookWord is the first argument for measuring the admission webhook.
const webhookWord = "webhook"

// webhookCommand is what its flags say.
type webhookCommand struct {
	runsc, out   string
	rate         int
	time, warmup time.Duration
	http1        bool
}

func parseWebhook(args []string) (c webhookCommand, err error) {
	f := flag.NewFlagSet("bench "+webhookWord, flag.ExitOnError)
	f.StringVar(&c.runsc, "runsc", "bin/runsc", "the program to measure")
	f.StringVar(&c.out, "out", "bin/benchmarks", "directory for webhook.md")
	f.IntVar(&c.rate, "rate", 1000, "reviews a second")
	f.DurationVar(&c.time, "time", time.Minute, "how long")
	f.DurationVar(&c.warmup, "warmup", 2*time.Second, "how long before that, without counting")
	f.BoolVar(&c.http1, "http1", false, "HTTP/1.1 in place of HTTP/2, which the API server speaks")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("argument %q is not understood; see -help", f.Arg(0))
	}
	if c.rate < 1 || c.time < time.Second || c.warmup < 0 {
		return c, fmt.Errorf("-rate=%d -time=%v -warmup=%v: want at least 1, 1s and 0s", c.rate, c.time, c.warmup)
	}
	return c, nil
}

func runWebhook(ctx context.Context, args []string) error {
	c, err := parseWebhook(args)
	if err != nil {
		return err
	}
	if c.runsc, err = filepath.Abs(c.runsc); err != nil {
		return err
	}
	r, err := measureWebhook(ctx, c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.out, 0o755); err != nil {
		return err
	}
	text := r.Markdown()
	fmt.Print(text)
	return os.WriteFile(filepath.Join(c.out, "webhook.md"), []byte(text), 0o644)
}

func measureWebhook(ctx context.Context, c webhookCommand) (r webhook.Result, err error) {
	dir, err := os.MkdirTemp("", "rb")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := webhook.Start(ctx, c.runsc, dir, c.http1)
	if err != nil {
		return r, err
	}
	r = webhook.Result{Rate: c.rate, For: c.time, HTTP1: c.http1, Pods: webhook.Pods(), Total: c.warmup + c.time}
	r.Samples, err = webhook.Run(ctx, webhook.Load{URL: s.URL, Client: s.Client, Rate: c.rate, For: r.Total, Warmup: c.warmup}, r.Pods)
	s.Client.CloseIdleConnections()
	var stopped error
	r.Usage, stopped = s.Stop()
	return r, errors.Join(err, stopped)
}
