package metrics

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestServe(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(newCollector(t))
	socket := filepath.Join(t.TempDir(), "m.sock")
	for _, address := range []string{"127.0.0.1:0", "unix:" + socket} {
		t.Run(address, func(t *testing.T) {
			l, err := Listen(address)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			served := make(chan struct{})
			go func() {
				defer close(served)
				Serve(ctx, l, r)
			}()
			transport := &http.Transport{DialContext: dialer(l)}
			defer transport.CloseIdleConnections()
			got, err := (&http.Client{Transport: transport}).Get("http://volumed/metrics")
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(got.Body)
			got.Body.Close()
			if err != nil || !strings.Contains(string(text), `volumed_conflicts_total{volume="quiet"} 0`) {
				t.Errorf("got %v, %s", err, text)
			}
			stop()
			<-served
		})
	}
}

func dialer(l net.Listener) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, l.Addr().Network(), l.Addr().String())
	}
}

func TestListenErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	l, err := Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Listen("unix:" + path); err == nil {
		t.Error("two at one socket")
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	l, err = Listen("unix:" + path)
	if err != nil {
		t.Fatalf("a socket of the dead: %v", err)
	}
	l.Close()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen("unix:" + path); err == nil {
		t.Error("a file was replaced")
	}
}
