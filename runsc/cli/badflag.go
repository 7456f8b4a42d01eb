package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// badFlag is the output of package flag, which writes first what is wrong with a
// flag and then all that is right, and exits. An engine whose configuration has a
// bad flag for the runtime looks in the file that --log names, and would say only
// that there is nothing in it.
type badFlag struct {
	out  io.Writer
	args []string
	told bool
}

// Write implements io.Writer.
func (b *badFlag) Write(p []byte) (int, error) {
	if !b.told && isBadFlag(p) {
		record(b.args, strings.TrimSpace(string(p)))
	}
	b.told = true
	return b.out.Write(p)
}

// isBadFlag reports whether it is an error, and no help that was asked for. These
// are all that package flag has.
func isBadFlag(p []byte) bool {
	return slices.ContainsFunc([]string{"invalid value ", "invalid boolean ", "flag provided but not defined: ", "flag needs an argument: ", "bad flag syntax: "},
		func(start string) bool { return bytes.HasPrefix(p, []byte(start)) })
}

// record adds an error to the file that --log names among the arguments, in the
// form that the engine's own errors have there (runsc/cmd/util/util.go). Who reads
// stderr has the error anyhow.
func record(args []string, message string) {
	name := logName(args)
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	_ = json.NewEncoder(f).Encode(struct {
		Msg   string    `json:"msg"`
		Level string    `json:"level"`
		Time  time.Time `json:"time"`
	}{message, "error", time.Now()})
}

// logName is the value of --log.
func logName(args []string) string {
	for i, a := range args {
		name, value, ok := strings.Cut(a, "=")
		if name != "--log" && name != "-log" {
			continue
		}
		if ok {
			return value
		}
		if i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}
