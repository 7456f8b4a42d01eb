package blob

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/dirbucket"
)

// killsEnv is how often TestKill kills; a short run does it 20 times.
const killsEnv = "RUNSC_TEST_BLOB_KILLS"

// writerEnv makes the test binary the process that is killed.
const writerEnv = "RUNSC_TEST_BLOB_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func killConfig(dir string) (Config, error) {
	b, err := dirbucket.Open(filepath.Join(dir, "bucket"), dirbucket.Options{})
	return Config{Bucket: b, Dir: filepath.Join(dir, "volume"), CacheObjectBytes: 64 << 10}, err
}

// pattern is a content that says what it is and whether it is complete.
func pattern(seq int) []byte {
	size := []int{10, 5000, 300_000}[seq%3] + seq%97
	head := fmt.Sprintf("%08d:", seq)
	return append([]byte(head), bytes.Repeat([]byte{byte('a' + seq%26)}, size)...)
}

// writeUntilKilled writes files in all ways and prints what was acknowledged.
func writeUntilKilled(dir string) error {
	ctx := context.Background()
	c, err := killConfig(dir)
	if err != nil {
		return err
	}
	found, err := Recover(ctx, c)
	if err != nil {
		return err
	}
	for _, r := range found {
		fmt.Println("recovered", r.Outcome, r.Key, r.Err)
	}
	v, err := Open(ctx, c)
	if err != nil {
		return err
	}
	root, err := v.Root(ctx)
	if err != nil {
		return err
	}
	seq, _ := strconv.Atoi(os.Getenv(writerEnv + "_SEQ"))
	for ; ; seq++ {
		name := fmt.Sprintf("f%d", seq%5)
		if err := writeOnce(ctx, v.(volume.Writable), root.ID, name, seq); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Println("stored", name, seq)
	}
}

func writeOnce(ctx context.Context, v volume.Writable, root volume.ID, name string, seq int) error {
	final, how := name, volume.OpenHow{Read: true, Write: true, Truncate: seq%2 == 0}
	if seq%4 == 1 { // as editors do
		name += ".tmp"
		v.Remove(ctx, root, name, false)
	}
	var h volume.WritableHandle
	if a, err := v.Lookup(ctx, root, name); err == nil {
		o, err := v.Open(ctx, a.ID, how)
		if err != nil {
			return err
		}
		h = o.(volume.WritableHandle)
	} else if _, h, err = v.Create(ctx, root, name, volume.NewFile{}, how); err != nil {
		return err
	}
	defer h.Close(ctx)
	p := pattern(seq)
	half := len(p) / 2
	if _, err := h.WriteAt(ctx, p[half:], int64(half)); err != nil {
		return err
	}
	if _, err := h.WriteAt(ctx, p[:half], 0); err != nil {
		return err
	}
	a, err := v.Lookup(ctx, root, name)
	if err != nil {
		return err
	}
	size := int64(len(p))
	if err := v.SetAttr(ctx, a.ID, volume.Change{Size: &size}); err != nil {
		return err
	}
	if name != final && seq%8 == 1 { // renamed before it is uploaded
		if err := v.Rename(ctx, root, name, root, final, false); err != nil {
			return err
		}
		return h.Sync(ctx)
	}
	if err := h.Flush(ctx); err != nil || name == final {
		return err
	}
	return v.Rename(ctx, root, name, root, final, false)
}

// TestKill kills a process that writes, at any moment, and looks whether all is
// there that it was told was stored. What it was not told may be there or not, but
// never in part.
func TestKill(t *testing.T) {
	kills := 20
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		kills = n
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bucket"), 0o700); err != nil {
		t.Fatal(err)
	}
	stored, seq, outcomes := map[string]int{}, 0, map[string]int{}
	for range kills {
		for _, line := range runAndKill(t, dir, seq) {
			f := strings.Fields(line)
			switch {
			case f[0] == "stored" && len(f) == 3:
				stored[f[1]], _ = strconv.Atoi(f[2])
				seq = stored[f[1]]
			case f[0] == "recovered":
				outcomes[f[1]]++
			default:
				t.Fatal(line)
			}
		}
		seq += 2 // the one that was under way may be there
		checkStored(t, dir, stored, seq)
	}
	if len(stored) < 5 {
		t.Fatalf("only %v was written", stored)
	}
	t.Logf("%d kills, %d files stored, recovered: %v", kills, seq, outcomes)
}

func runAndKill(t *testing.T, dir string, seq int) (lines []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerEnv+"="+dir, writerEnv+"_SEQ="+strconv.Itoa(seq))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var timer *time.Timer
	for s := bufio.NewScanner(out); s.Scan(); {
		lines = append(lines, s.Text())
		if timer == nil {
			timer = time.AfterFunc(rand.N(80*time.Millisecond), func() { cmd.Process.Kill() })
		}
	}
	cmd.Wait()
	return lines
}

func checkStored(t *testing.T, dir string, stored map[string]int, most int) {
	t.Helper()
	c, err := killConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Bucket.Close()
	for name, seq := range stored {
		got, err := c.Bucket.ReadAll(context.Background(), name)
		if err != nil {
			t.Fatalf("%s, stored as %d, is lost: %v", name, seq, err)
		}
		now := 0
		fmt.Sscanf(string(got), "%d:", &now)
		if now < seq || now > most || !bytes.Equal(got, pattern(now)) {
			t.Fatalf("%s, stored as %d, has %.20q of %d bytes", name, seq, got, len(got))
		}
	}
}
