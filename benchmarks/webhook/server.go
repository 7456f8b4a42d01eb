package webhook

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// Server is a "runsc webhook" of its own process.
type Server struct {
	URL    string
	Client *http.Client
	cmd    *exec.Cmd
}

var serving = regexp.MustCompile(`msg=serving address=(\S+)`)

// Start starts one with a certificate that it makes in the directory. With
// http1, the client speaks HTTP/1.1; the API server speaks HTTP/2.
func Start(ctx context.Context, runsc, dir string, http1 bool) (*Server, error) {
	if out, err := exec.CommandContext(ctx, runsc, "webhook", "certificate", "--dir="+dir, "--host=127.0.0.1").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	cmd := exec.Command(runsc, "--directfs-hints=narrow", "webhook", "--listen=127.0.0.1:0", "--shutdown-delay=0s",
		"--tls-cert="+filepath.Join(dir, "tls.crt"), "--tls-key="+filepath.Join(dir, "tls.key"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{cmd: cmd}
	lines := bufio.NewScanner(stderr)
	for s.URL == "" && lines.Scan() {
		if m := serving.FindStringSubmatch(lines.Text()); m != nil {
			s.URL = "https://" + m[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil || s.URL == "" {
		return nil, fmt.Errorf("the webhook does not serve: %w", errorOf(err, s.Stop))
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	s.Client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: !http1, MaxIdleConnsPerHost: 100,
	}}
	return s, nil
}

func errorOf(err error, stop func() (Usage, error)) error {
	if _, stopped := stop(); err == nil {
		return stopped
	}
	return err
}

// Usage is what the server's process used.
type Usage struct {
	CPU    time.Duration
	Memory int64 // the most that it had resident, in bytes
}

// Stop ends it.
func (s *Server) Stop() (Usage, error) {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return Usage{}, err
	}
	err := s.cmd.Wait()
	u := s.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return Usage{s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime(), u.Maxrss << 10}, err
}
