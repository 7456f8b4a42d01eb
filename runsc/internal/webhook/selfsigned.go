package webhook

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// certificateWord is the argument for making a certificate.
const certificateWord = "certificate"

// makeCertificate is "webhook certificate".
func makeCertificate(args []string) error {
	var dir string
	var valid time.Duration
	var hosts classes
	f := flag.NewFlagSet("webhook "+certificateWord, flag.ContinueOnError)
	f.StringVar(&dir, "dir", "", "directory for tls.crt, tls.key and ca.crt; made if it is not there")
	f.Var(&hosts, "host", "name or address at which the API server finds the webhook, such as runsc-webhook.runsc-system.svc; may be repeated")
	f.DurationVar(&valid, "valid", 365*24*time.Hour, "how long it is valid")
	f.Usage = func() {
		fmt.Fprint(f.Output(), "webhook certificate --dir=DIR --host=NAME [--host=NAME]... [--valid=TIME]\n"+
			"Writes a certificate, its key and the authority that signed it, whose key is thrown away.\n"+
			"The authority in base64, for the caBundle of the webhook's configuration, is printed.\n")
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if f.NArg() > 0 || dir == "" || len(hosts) == 0 || valid <= 0 {
		return fmt.Errorf("certificate: --dir=%q, --host=%q, --valid=%v and %d other arguments; give a directory, one or more hosts, a positive time and no other arguments", dir, hosts.String(), valid, f.NArg())
	}
	made, err := newCertificate(hosts, time.Now(), valid)
	if err != nil {
		return err
	}
	if err := made.write(dir); err != nil {
		return err
	}
	fmt.Println(base64.StdEncoding.EncodeToString(made.ca))
	return nil
}

// pemFiles are a certificate, its key and its authority.
type pemFiles struct{ cert, key, ca []byte }

// newCertificate makes an authority for one certificate. Nobody can have it sign
// another: its key is not kept.
func newCertificate(hosts []string, now time.Time, valid time.Duration) (p pemFiles, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return p, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return p, err
	}
	const clocksDiffer = 5 * time.Minute
	ca := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: "runsc webhook authority"},
		NotBefore: now.Add(-clocksDiffer), NotAfter: now.Add(valid),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: "runsc webhook"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
			continue
		}
		leaf.DNSNames = append(leaf.DNSNames, h)
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return p, err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return p, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return p, err
	}
	encode := func(kind string, b []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})
	}
	return pemFiles{encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER), encode("CERTIFICATE", caDER)}, nil
}

func newSerial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// write replaces the files one by one; who serves them takes no half of a pair.
func (p pemFiles) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files := map[string][]byte{"ca.crt": p.ca, "tls.key": p.key, "tls.crt": p.cert}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		mode := os.FileMode(0o644)
		if strings.HasSuffix(name, ".key") {
			mode = 0o600
		}
		tmp := filepath.Join(dir, "."+name+".new")
		_ = os.Remove(tmp) // of a call that was killed; with another mode, maybe
		if err := os.WriteFile(tmp, files[name], mode); err != nil {
			return err
		}
		if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
