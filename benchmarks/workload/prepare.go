package workload

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const (
	deepDir     = "tree/a/b"
	listDir     = "list"
	listEntries = 2000
	bigFile     = "big"
	bigSize     = 32 << 20
	outSize     = 16 << 20

	archiveFile        = "source.tar"
	archiveDirs        = 50
	archiveFiles       = 1000
	archiveMaxFileSize = 12 << 10
	sourceDir          = "source"

	helloDir    = "hello"
	helloSource = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(%d) }\n"
)

// deepFiles are four levels below the working directory.
var deepFiles = func() (names []string) {
	for i := range 16 {
		names = append(names, filepath.Join(deepDir, "f"+strconv.Itoa(i)))
	}
	return names
}()

// workerDir is where one worker writes.
func workerDir(worker int) string { return "worker" + strconv.Itoa(worker) }

// Prepare fills the directory, which must be empty, with all inputs. They are
// the same every time.
func Prepare(dir string) error {
	p := newPreparation(dir)
	for _, name := range deepFiles {
		p.file(name, page)
	}
	for i := range listEntries {
		p.file(filepath.Join(listDir, fmt.Sprintf("entry-%04d", i)), 0)
	}
	p.file(bigFile, bigSize)
	for i := range MaxWorkers {
		p.file(filepath.Join(workerDir(i), "out"), outSize)
		p.file(filepath.Join(workerDir(i), "name"), page)
	}
	p.write(filepath.Join(helloDir, "go.mod"), []byte("module hello\n\ngo 1.26\n"))
	p.archive()
	if p.err == nil {
		p.err = untar(filepath.Join(dir, archiveFile), filepath.Join(dir, sourceDir))
	}
	return p.err
}

// preparation makes files until something goes wrong.
type preparation struct {
	dir    string
	random *rand.ChaCha8
	err    error
}

func newPreparation(dir string) *preparation {
	return &preparation{dir: dir, random: rand.NewChaCha8([32]byte{})}
}

// file makes one of random bytes, which no file system stores as a hole.
func (p *preparation) file(name string, size int) { p.write(name, p.bytes(size)) }

func (p *preparation) bytes(size int) []byte {
	data := make([]byte, size)
	if _, err := p.random.Read(data); err != nil && p.err == nil {
		p.err = err
	}
	return data
}

func (p *preparation) write(name string, data []byte) {
	path := filepath.Join(p.dir, name)
	if p.err == nil {
		p.err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if p.err == nil {
		p.err = os.WriteFile(path, data, 0o644)
	}
}

// archive makes one as of a project's source: many small files.
func (p *preparation) archive() {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h tar.Header, data []byte) {
		h.ModTime, h.Size = time.Unix(1_000_000_000, 0), int64(len(data))
		if p.err == nil {
			p.err = w.WriteHeader(&h)
		}
		if p.err == nil {
			_, p.err = w.Write(data)
		}
	}
	sizes := rand.New(p.random)
	for d := range archiveDirs {
		dir := fmt.Sprintf("part%d/unit%d/", d%5, d)
		add(tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755}, nil)
		for f := range archiveFiles / archiveDirs {
			data := p.bytes(sizes.IntN(archiveMaxFileSize))
			add(tar.Header{Name: dir + "file" + strconv.Itoa(f), Typeflag: tar.TypeReg, Mode: 0o644}, data)
		}
	}
	if p.err == nil {
		p.err = w.Close()
	}
	p.write(archiveFile, b.Bytes())
}
