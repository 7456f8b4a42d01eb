package statedir

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Nothing in place of a Plan keeps a command waiting, or has it read without
// end. The error names the file.
func TestStrangeFilesInPlaceOfPlan(t *testing.T) {
	for what, put := range map[string]func(t *testing.T, name string){
		"a FIFO":      func(t *testing.T, name string) { do(t, unix.Mkfifo(name, 0o600)) },
		"a directory": func(t *testing.T, name string) { do(t, os.Mkdir(name, 0o700)) },
		"a device":    func(t *testing.T, name string) { do(t, os.Symlink("/dev/zero", name)) },
		"a huge file": func(t *testing.T, name string) {
			do(t, os.WriteFile(name, nil, 0o600))
			do(t, os.Truncate(name, 1<<40))
		},
	} {
		root, id := t.TempDir(), ID{SandboxID: "s", ContainerID: "s"}
		name := path(root, id, planSuffix)
		put(t, name)
		if _, _, err := readPlan(root, id); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", what, err)
		}
		if started := startedFor(root, id); started != nil {
			t.Errorf("%s: %v", what, started)
		}
	}
}
