package install

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/install/jsontext"
)

func TestWarnWritable(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes files of others")
	}
	for _, test := range []struct {
		name     string
		dir      os.FileMode
		uid, gid int
		file     os.FileMode
		want     string
	}{
		{"root's", 0o755, 0, 0, 0o755, ""},
		{"group 0 may write", 0o775, 0, 0, 0o775, ""},
		{"another group", 0o755, 0, 50, 0o775, "group 50 may write to DIR/sub/runsc,"},
		{"everybody", 0o755, 0, 0, 0o757, "everybody may write to DIR/sub/runsc,"},
		{"another owner", 0o755, 1000, 0, 0o555, "user 1000 may write to DIR/sub/runsc,"},
		{"directory of everybody", 0o757, 0, 0, 0o755, "everybody may write to DIR/sub,"},
		{"sticky directory", 0o777 | os.ModeSticky, 0, 0, 0o755, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "sub", "runsc")
			plant(t, dir, map[string]string{"sub/runsc": ""})
			for _, err := range []error{os.Chown(file, test.uid, test.gid), os.Chmod(file, test.file), os.Chmod(filepath.Dir(file), test.dir), os.Symlink(file, dir+"/link")} {
				if err != nil {
					t.Fatal(err)
				}
			}
			var said bytes.Buffer
			c := &task{err: &said}
			c.warnWritable(dir + "/link")
			got := strings.ReplaceAll(said.String(), dir, "DIR")
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("said %q, want %q", got, test.want)
			}
		})
	}
}

// Runs at once lose nothing of each other's.
func TestTwoRunsAtOnce(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, map[string]string{"daemon.json": "{\n  \"debug\": true\n}\n"})
	var all sync.WaitGroup
	const runs = 12
	for i := range runs {
		all.Go(func() {
			c := call(t, "docker", dir, nil)
			c.runtime = fmt.Sprintf("r%d", i)
			if err := c.in(files.Disk{}, c.client.install); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got := tree(t, dir)
	names, err := jsontext.Text(got["daemon.json"]).Names(runtimes)
	if err != nil || len(names) != runs || strings.Count(got["daemon.json.runsc-install"], `"path"`) != runs {
		t.Errorf("%d runtimes, %v:\n%s", len(names), err, got)
	}
}
