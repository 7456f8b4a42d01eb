package s3test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	accessKey = "test-access-key"
	secretKey = "test-secret-key"
	region    = "us-east-1"
)

// startTimeout is for a busy machine. The server is up in well below a second.
const startTimeout = time.Minute

// Server is a running S3 server. It is stopped when the test ends.
type Server struct {
	// Endpoint is its address, http://127.0.0.1:PORT.
	Endpoint string

	intercept atomic.Pointer[func(http.Handler) http.Handler]
}

// Start starts a server whose objects are in a temporary folder.
func Start(tb testing.TB) *Server {
	tb.Helper()
	gateway, err := program()
	if err != nil {
		tb.Fatalf("building the S3 server: %v", err)
	}
	dir, err := os.MkdirTemp("", "s3-") // short: a socket's path has 108 bytes at most, unix(7)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s3.sock")
	run(tb, gateway, dir, socket)

	// The front has a port that nobody else can take between choosing and
	// listening, and can spoil requests.
	s := new(Server)
	front := httptest.NewServer(s.front(socket))
	tb.Cleanup(front.Close)
	s.Endpoint = front.URL
	return s
}

// Intercept puts a handler in front of the server, for tests of failing stores.
// nil removes it.
func (s *Server) Intercept(wrap func(server http.Handler) http.Handler) {
	if wrap == nil {
		s.intercept.Store(nil)
		return
	}
	s.intercept.Store(&wrap)
}

func (s *Server) front(socket string) http.Handler {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
	}
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "s3"})
			r.Out.Host = r.In.Host // it is part of the signature
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wrap := s.intercept.Load(); wrap != nil {
			(*wrap)(proxy).ServeHTTP(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// run starts the server and waits until it listens.
func run(tb testing.TB, gateway, dir, socket string) {
	tb.Helper()
	var output bytes.Buffer
	objects := tb.TempDir()
	cmd := exec.Command(gateway, "--access", accessKey, "--secret", secretKey, "--region", region,
		"--port", socket, "--quiet", "posix", "--sidecar", tb.TempDir(), objects)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	tb.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(startTimeout):
			cmd.Process.Kill()
			<-ended
		}
	})
	if err := listening(socket, ended); err != nil {
		cmd.Process.Kill()
		<-ended
		tb.Fatalf("%s: %v\n%s", gateway, err, &output)
	}
}

// listening returns when a connection to the socket succeeds. There is nothing
// to wait on: the server says that it listens before it does.
func listening(socket string, ended <-chan struct{}) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(startTimeout)
	for {
		if c, err := net.Dial("unix", socket); err == nil {
			return c.Close()
		}
		select {
		case <-ended:
			return fmt.Errorf("it ended")
		case <-timeout:
			return fmt.Errorf("no connection after %v", startTimeout)
		case <-tick.C:
		}
	}
}
