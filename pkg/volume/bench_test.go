package volume

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/lisafs"
	"gvisor.dev/gvisor/pkg/unet"
)

// BenchmarkCall compares a call to a volume as it is made with a direct one, and
// with all of a message.
func BenchmarkCall(b *testing.B) {
	v := newFake()
	v.put("file", &fakeFile{})
	get := func(ctx context.Context) (Attr, error) { return v.files["id-file"].attr, nil }
	b.Run("direct", func(b *testing.B) {
		for b.Loop() {
			get(context.Background())
		}
	})
	b.Run("attempt", func(b *testing.B) {
		c := &calls{timeout: time.Minute, max: 64, report: newReporter(slog.New(slog.DiscardHandler), "")}
		for b.Loop() {
			attempt(c, get, nil)
		}
	})
	b.Run("message", func(b *testing.B) {
		_, _, fd, served := start(b, v, MountOptions{})
		s, err := unet.NewSocket(fd)
		if err != nil {
			b.Fatal(err)
		}
		c, root, _, err := lisafs.NewClient(s)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.StartChannels(); err != nil {
			b.Fatal(err)
		}
		f := c.NewFD(root.ControlFD)
		for b.Loop() {
			if err := f.StatTo(background, &lisafs.Statx{}); err != nil {
				b.Fatal(err)
			}
			v.calls = v.calls[:0]
		}
		c.Close()
		<-served
	})
}
