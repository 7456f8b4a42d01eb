package supervise

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/directfs/runsc/runsc/internal/plain"
)

// message is the text of the engine's error record
// (runsc/cmd/util/util.go:83), or the record itself where it is none.
func message(record []byte) string {
	var e struct {
		Msg string `json:"msg"`
	}
	if err := json.Unmarshal(record, &e); err != nil || e.Msg == "" {
		return string(record)
	}
	return e.Msg
}

// reason joins what a process said. Of a crash, one line says what happened; the
// rest is the goroutines' stacks.
func reason(errors []string, crash []byte) string {
	all := slices.Clone(errors)
	line := fatal(crash)
	if line == nil {
		line, _, _ = bytes.Cut(bytes.TrimSpace(crash), []byte{'\n'})
	}
	if len(line) > 0 {
		all = append(all, printable(string(line)))
	}
	return printable(strings.Join(slices.Compact(all), "; "))
}

// fatal is the line with which the Go runtime says what it cannot go on with.
// Others may come before it.
func fatal(crash []byte) []byte {
	for line := range bytes.Lines(crash) {
		if bytes.HasPrefix(line, []byte("fatal error: ")) {
			return bytes.TrimSpace(line)
		}
	}
	return nil
}

// printable escapes what is not printable, and bounds the text.
func printable(s string) string {
	text := plain.Text(string([]rune(s))) // one replacement for each byte that is not text
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "") + "..."
}
