package volumed

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
)

// logFlags say how to log.
type logFlags struct {
	format string
	level  slog.Level
}

func (l *logFlags) setFlags(f *flag.FlagSet) {
	f.StringVar(&l.format, "log-format", "text", "`FORMAT` of the log: text or json")
	f.TextVar(&l.level, "log-level", slog.LevelInfo, "least `LEVEL` that is logged: debug, info, warn or error")
}

// logger also becomes the default, which libraries use.
func (l *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	o := &slog.HandlerOptions{Level: l.level}
	var h slog.Handler
	switch l.format {
	case "text":
		h = slog.NewTextHandler(w, o)
	case "json":
		h = slog.NewJSONHandler(w, o)
	default:
		return nil, fmt.Errorf("log format %q; allowed: text, json", l.format)
	}
	log := slog.New(h)
	slog.SetLogLoggerLevel(slog.LevelDebug)
	slog.SetDefault(log)
	return log, nil
}
