package webhook

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// secret is a directory as the kubelet mounts a secret: files are links into
// ..data, which is a link that is exchanged.
type secret struct {
	t   *testing.T
	dir string
	n   int
}

func newSecret(t *testing.T, p pemFiles) *secret {
	s := &secret{t: t, dir: t.TempDir()}
	s.set(p)
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *secret) set(p pemFiles) {
	s.t.Helper()
	s.n++
	name := "..2026_" + strings.Repeat("x", s.n)
	if err := p.write(filepath.Join(s.dir, name)); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Symlink(name, filepath.Join(s.dir, "..new")); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(s.dir, "..new"), filepath.Join(s.dir, "..data")); err != nil {
		s.t.Fatal(err)
	}
}

func (s *secret) cert() string { return filepath.Join(s.dir, "tls.crt") }
func (s *secret) key() string  { return filepath.Join(s.dir, "tls.key") }

func made(t *testing.T, host string, now time.Time) pemFiles {
	t.Helper()
	p, err := newCertificate([]string{host}, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCertificateIsReplaced(t *testing.T) {
	now := time.Now()
	one, two, old := made(t, "one", now), made(t, "two", now), made(t, "old", now.Add(-2*time.Hour))
	s := newSecret(t, one)
	var log strings.Builder
	c, err := openCertificate(s.cert(), s.key(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	serves := func(name, said string) {
		t.Helper()
		for range 3 { // the same is not said again
			pair, err := c.get(nil)
			if err != nil || pair.Leaf.DNSNames[0] != name {
				t.Fatalf("serves %v, %v; want %s", pair.Leaf.DNSNames, err, name)
			}
		}
		if n := strings.Count(log.String(), "\n"); said == "" && n != 0 || said != "" && (n != 1 || !strings.Contains(log.String(), said)) {
			t.Errorf("logged %q, want one line with %q", log.String(), said)
		}
		log.Reset()
	}
	serves("one", "")
	s.set(pemFiles{cert: two.cert, key: one.key})
	serves("one", "private key does not match")
	s.set(old)
	serves("one", "expired at")
	s.set(pemFiles{cert: []byte("no PEM"), key: one.key})
	serves("one", "failed to find any PEM data")
	s.set(two)
	serves("two", "certificate replaced")
	if err := os.Remove(filepath.Join(s.dir, "..data")); err != nil {
		t.Fatal(err)
	}
	serves("two", "no such file")
	s.set(one)
	serves("one", "certificate replaced")
	if _, rotated, rejected := c.state(); rotated != 2 || rejected != 4 {
		t.Errorf("rotated %d, rejected %d", rotated, rejected)
	}
	// Written in place, as by certbot; the second file later.
	dir := filepath.Join(s.dir, "..data")
	if err := os.WriteFile(filepath.Join(dir, "tls.crt"), two.cert, 0o600); err != nil {
		t.Fatal(err)
	}
	serves("one", "private key does not match")
	if err := os.WriteFile(filepath.Join(dir, "tls.key"), two.key, 0o600); err != nil {
		t.Fatal(err)
	}
	serves("two", "certificate replaced")
}

func TestOpenCertificate(t *testing.T) {
	now := time.Now()
	one, two := made(t, "one", now), made(t, "two", now)
	nameless, err := newCertificate(nil, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for text, p := range map[string]pemFiles{
		"does not match":              {cert: one.cert, key: two.key},
		"expired at":                  made(t, "old", now.Add(-2*time.Hour)),
		"subject alternative name":    nameless,
		"failed to find any PEM data": {},
	} {
		s := newSecret(t, p)
		if _, err := openCertificate(s.cert(), s.key(), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
	if _, err := openCertificate("/nowhere", "/nowhere", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("opened no file")
	}
}
