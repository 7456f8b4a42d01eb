package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/directfs/runsc/pkg/admission"
	"github.com/directfs/runsc/pkg/kubepolicy"
	"github.com/directfs/runsc/runsc/internal/plain"
	"github.com/directfs/runsc/runsc/internal/policycmd"
	"github.com/directfs/runsc/runsc/internal/volumes"
	"golang.org/x/net/netutil"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// The API server gives a webhook ten seconds by default, and thirty at most.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 30 * time.Second

	maxHeader = 64 << 10

	// maxConnections bounds the memory that clients can make this process need
	// before anything is known of them.
	maxConnections = 128

	// maxHeld are the bytes of all reviews that are there at once. The API server
	// has 200 requests that write at once, so this is for who is none.
	maxHeld = 64 << 20

	// maxStreams are the requests of one HTTP/2 connection.
	maxStreams = 250

	// memoryLimit is where collecting garbage becomes eager.
	memoryLimit = 256 << 20
)

// server answers the API server.
type server struct {
	log      *slog.Logger
	cert     *certificate
	metrics  *metrics
	draining atomic.Bool
}

// serve serves until the context ends, and then until all is answered.
func serve(ctx context.Context, o options, conf *config.Config, log *slog.Logger) error {
	cert, err := openCertificate(o.cert, o.key, log)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen=%s: %w", o.listen, err)
	}
	// What a review needs is garbage right after it. With the little that lives on,
	// the default would collect many times a second.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(800)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	s := &server{log: log, cert: cert, metrics: newMetrics()}
	h := &http.Server{
		Handler:           s.routes(o.classes, conf),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: cert.get},
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	log.Info("serving", "address", l.Addr().String(), "classes", o.classes.String(), "options", runtimeOptions())
	ended := make(chan error, 1)
	go func() { ended <- h.ServeTLS(netutil.LimitListener(l, maxConnections), "", "") }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	return s.drain(h, o.delay, ended)
}

// runtimeOptions are those that decide, wherever they come from.
func runtimeOptions() string {
	var all []string
	flag.CommandLine.Visit(func(f *flag.Flag) { all = append(all, "--"+f.Name+"="+f.Value.String()) })
	return strings.Join(all, " ")
}

// drain lets clients learn that this server ends, and then answers those that
// wait.
func (s *server) drain(h *http.Server, delay time.Duration, ended <-chan error) error {
	s.draining.Store(true)
	s.log.Info("ending", "delay", delay)
	select {
	case err := <-ended:
		return err
	case <-time.After(delay):
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off: %w", err), h.Close())
	}
	return nil
}

func (s *server) routes(classes []string, conf *config.Config) http.Handler {
	mux := http.NewServeMux()
	// All methods: the handler says which one there is.
	mux.Handle("/validate", &admission.Handler{
		Reviewer: admission.Reviewer{
			RuntimeClasses: classes,
			Checker:        policycmd.NewPodChecker(conf, volumes.Unasked()),
		},
		Concurrent: make(chan struct{}, 2*runtime.GOMAXPROCS(0)),
		MaxHeld:    maxHeld,
		Observe:    s.observe,
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.draining.Load() {
			http.Error(w, "ending", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s.metrics.write(w, s.cert)
	})
	return mux
}

// observe logs what an operator asks about. Findings have values of hints and
// paths of mounts, and nothing else of a pod.
func (s *server) observe(v admission.Verdict, took time.Duration, err error) {
	s.metrics.observe(v, took, err)
	switch {
	case err != nil:
		s.log.Warn("no answer", "error", short(err.Error()))
	case v.Outcome == admission.Refused:
		s.log.Info("refused", "namespace", v.Namespace, "name", v.Name, "operation", v.Operation, "findings", len(v.Findings), "first", short(first(v.Findings)))
	}
}

func first(found []kubepolicy.Finding) string {
	for _, f := range found {
		if f.Level == kubepolicy.Refused {
			return f.Text
		}
	}
	return ""
}

// short bounds what others can make this process log.
func short(s string) string {
	const n = 500
	if s = plain.Text(s); len(s) > n {
		return s[:n] + "..."
	}
	return s
}
