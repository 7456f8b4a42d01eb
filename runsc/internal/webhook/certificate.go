package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a pair of files, whose newest usable content is served. The
// files are looked at when a client connects: one that is mounted from a secret
// is exchanged by a symbolic link far above it, which watching the file misses.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu       sync.Mutex
	current  *tls.Certificate
	seen     [2]fs.FileInfo // what current, or the last error, was read from
	rotated  uint64
	rejected uint64
}

// openCertificate reads the pair for the first time.
func openCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	var err error
	if c.seen, err = c.look(); err != nil {
		return nil, err
	}
	if c.current, err = c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// get is for tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, err := c.look()
	if err == nil && same(seen[0], c.seen[0]) && same(seen[1], c.seen[1]) {
		return c.current, nil
	}
	var pair *tls.Certificate
	if err == nil {
		pair, err = c.read()
	}
	if err != nil {
		// Said once for each state of the files.
		if c.seen != seen {
			c.rejected++
			c.log.Error("the certificate was replaced by one that cannot be used; the one before is served on", "error", err, "until", c.current.Leaf.NotAfter)
		}
		c.seen = seen
		return c.current, nil
	}
	c.current, c.seen = pair, seen
	c.rotated++
	c.log.Info("certificate replaced", "names", pair.Leaf.DNSNames, "serial", pair.Leaf.SerialNumber, "until", pair.Leaf.NotAfter)
	return c.current, nil
}

// look follows the links to the files. While they are exchanged, one may be new
// and the other old: that is another state than either, so the next connection
// looks again.
func (c *certificate) look() (seen [2]fs.FileInfo, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return [2]fs.FileInfo{}, err
		}
		seen[i] = info
	}
	return seen, nil
}

func same(a, b fs.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func (c *certificate) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", c.certFile, c.keyFile, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", c.certFile, err)
		}
	}
	switch leaf := pair.Leaf; {
	case c.now().After(leaf.NotAfter):
		return nil, fmt.Errorf("%s: it expired at %v", c.certFile, leaf.NotAfter)
	case len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0:
		return nil, fmt.Errorf("%s: %w", c.certFile, errNoName)
	}
	return &pair, nil
}

// errNoName: the API server looks at nothing else.
var errNoName = errors.New("it has no subject alternative name, so that no client accepts it; make one for NAME.NAMESPACE.svc")

// state is what metrics tell.
func (c *certificate) state() (notAfter time.Time, rotated, rejected uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current.Leaf.NotAfter, c.rotated, c.rejected
}
