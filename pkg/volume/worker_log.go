package volume

import (
	"fmt"
	"log/slog"
	"time"

	"gvisor.dev/gvisor/pkg/log"
)

// engineLog bounds what the engine logs: it warns of every FD that a client closes
// and does not have, every message that it does not support, and every panic with
// its stack (pkg/lisafs/connection.go). A hostile sandbox can send as many as it
// likes.
type engineLog struct{ *reporter }

func newEngineLog(logger *slog.Logger) engineLog {
	return engineLog{&reporter{logger: logger, saved: reportBurst, since: time.Now()}}
}

// Emit implements log.Emitter.
func (l engineLog) Emit(_ int, level log.Level, _ time.Time, format string, args ...any) {
	if level == log.Warning {
		l.warn("LisaFS", "text", fmt.Sprintf(format, args...))
	}
}
