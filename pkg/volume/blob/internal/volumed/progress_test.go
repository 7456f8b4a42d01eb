package volumed

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	for name, tt := range map[string]struct {
		every time.Duration
		run   func(p *progress)
		want  []string // messages
	}{
		"short": {10 * time.Second, func(p *progress) {
			p.uploading("a", 1, 4, nil)
			p.uploading("a", 4, 4, nil)
		}, nil},
		"long": {10 * time.Second, func(p *progress) {
			for i := range int64(4) {
				p.uploading("a", i, 4, nil)
				time.Sleep(6 * time.Second)
			}
			p.uploading("a", 4, 4, nil)
		}, []string{"uploading", "upload complete"}},
		"never": {0, func(p *progress) {
			p.uploading("a", 1, 4, nil)
			time.Sleep(time.Hour)
			p.uploading("a", 2, 4, nil)
			p.uploading("a", 4, 4, nil)
		}, nil},
		"failed": {10 * time.Second, func(p *progress) {
			p.uploading("a", 4, 4, errors.New("refused"))
		}, []string{"upload failed"}},
		"two at once": {10 * time.Second, func(p *progress) {
			p.uploading("a", 1, 4, nil)
			time.Sleep(6 * time.Second)
			p.uploading("b", 1, 4, nil)
			time.Sleep(6 * time.Second)
			p.uploading("a", 2, 4, nil)
			p.uploading("b", 2, 4, nil)
		}, []string{"uploading"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				p := newProgress(slog.New(slog.NewTextHandler(&log, nil)), tt.every)
				tt.run(p)
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				if log.Len() == 0 {
					lines = nil
				}
				if len(lines) != len(tt.want) {
					t.Fatalf("got\n%s\nwant %q", &log, tt.want)
				}
				for i, m := range tt.want {
					if !strings.Contains(lines[i], m) {
						t.Errorf("line %s, want %q", lines[i], m)
					}
				}
			})
		})
	}
}
