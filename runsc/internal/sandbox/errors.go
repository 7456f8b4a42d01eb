package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/subcommands"
	"gvisor.dev/gvisor/runsc/cmd/util"
)

// watchErrors runs a command of the engine. Where it fails, failed must be
// called with what its processes say of it; that is added to the command's own
// error. To the file that --log names, of which containerd and docker show the
// last record, both go as one. said is the command's own error.
func watchErrors(execute func() subcommands.ExitStatus) (code subcommands.ExitStatus, said string, failed func(reasons []string)) {
	own, held := util.ErrorLogger, &heldRecord{}
	util.ErrorLogger = held
	code = execute()
	util.ErrorLogger = own
	said = held.last()
	if own == nil {
		return code, said, printReasons
	}
	if code == subcommands.ExitSuccess {
		held.flush(own, nil)
	}
	return code, said, func(reasons []string) {
		printReasons(reasons)
		held.flush(own, reasons)
	}
}

func printReasons(reasons []string) {
	for _, r := range reasons {
		fmt.Fprintln(os.Stderr, r)
	}
}

// heldRecord holds back the records of the engine's error log, each of which is
// written at once (runsc/cmd/util/util.go:118).
type heldRecord struct{ records [][]byte }

func (h *heldRecord) Write(b []byte) (int, error) {
	h.records = append(h.records, append([]byte{}, b...))
	return len(b), nil
}

// last is the message of the last record.
func (h *heldRecord) last() string {
	var record struct{ Msg string }
	if len(h.records) == 0 || json.Unmarshal(h.records[len(h.records)-1], &record) != nil {
		return ""
	}
	return record.Msg
}

// flush writes the records, and adds the reasons to the last one.
func (h *heldRecord) flush(w interface{ Write([]byte) (int, error) }, reasons []string) {
	for i, r := range h.records {
		if i == len(h.records)-1 && len(reasons) > 0 {
			r = withReasons(r, reasons)
		}
		_, _ = w.Write(r)
	}
	h.records = nil
}

// withReasons adds to the message of a record of the engine's error log.
func withReasons(b []byte, reasons []string) []byte {
	var record struct {
		Msg   string    `json:"msg"`
		Level string    `json:"level"`
		Time  time.Time `json:"time"`
	}
	if err := json.Unmarshal(b, &record); err != nil {
		return b
	}
	record.Msg = strings.Join(append([]string{record.Msg}, reasons...), "; ")
	with, err := json.Marshal(record)
	if err != nil {
		return b
	}
	return with
}
