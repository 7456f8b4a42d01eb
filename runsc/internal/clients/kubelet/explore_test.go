package kubelet

import (
	"testing"
	"os"
	"time"
)

func TestExplore(t *testing.T) {
	n := Start(t, nil)
	os.WriteFile("/tmp/kubelet-tmp/node", []byte(n.Dir), 0o644)
	for i := 0; i < 6000; i++ {
		if _, err := os.Stat("/tmp/kubelet-tmp/stop"); err == nil { break }
		time.Sleep(time.Second/10)
	}
}
