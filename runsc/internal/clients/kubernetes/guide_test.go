package kubernetes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/internal/clients/guide"
)

// The guide's commands, on a cluster with one node. The webhook is started when
// the secret and the deployment are there, as a kubelet would.
func TestGuide(t *testing.T) {
	c := newCluster(t)
	c.apply("apiVersion: v1\nkind: Node\nmetadata: {name: node-1}\n")
	dir := c.Mkdir("work")
	const manifests = "runsc/deploy/kubernetes"
	if err := os.CopyFS(filepath.Join(dir, manifests), os.DirFS(filepath.Join(c.Module, manifests))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan error, 1)
	go func() { started <- c.startWhenReady(ctx) }()
	defer func() {
		cancel()
		if err := <-started; err != nil {
			t.Error(err)
		}
	}()
	guide.Run(t, filepath.Join(c.Module, "docs/clients/kubernetes.md"), guide.Options{Dir: dir, Env: c.Env()})
}

func (c *cluster) startWhenReady(ctx context.Context) error {
	w := c.webhook()
	for {
		if c.Try("kubectl", "-n", system, "get", "secret/runsc-webhook-tls", "deployment/runsc-webhook").Code == 0 {
			return w.start()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the guide made no secret and no deployment: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
