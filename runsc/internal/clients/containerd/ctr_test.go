package containerd

import (
	"fmt"
	"testing"
	"time"
)

func TestCtr(t *testing.T) {
	d := Start(t)
	for i := range 5 {
		t0 := time.Now()
		r := d.Try("ctr", "run", "--rm", "--runtime", "io.containerd.runsc.v1", "--runtime-config-path", d.Path("runsc.toml"), ImageName, fmt.Sprint("c", i), "echo", "hello")
		t.Logf("%+v", r)
		t.Log(time.Since(t0))
	}
	t.Log(d.Log())
}
