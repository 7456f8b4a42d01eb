package s3test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// program is the path of versitygw. The go command builds it the first time,
// which takes a minute, and then has it in its build cache.
var program = sync.OnceValues(func() (string, error) {
	root, err := goCommand("", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return "", err
	}
	mod := filepath.Join(root, "internal", "s3test", "versitygw.mod")
	// -n prints the program instead of running it; to do so, it builds it.
	return goCommand(root, "tool", "-modfile="+mod, "-n", "versitygw")
})

// goCommand returns what the go command prints. Whatever flags and settings the
// tests are built with, the server is built in one way.
func goCommand(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSpace(string(out)), nil
}
