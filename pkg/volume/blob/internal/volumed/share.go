package volumed

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
)

// share is what one use of a volume takes of staged-total: the disk for staged files
// of all its uses, also of those that have ended and left some. Each use has a file
// that says how much. To grow, a use first writes that, and then adds up all, so
// that two never take the same space.
type share struct {
	use   string // the directory of the use
	total int64
	log   *slog.Logger

	taken  int64
	logged time.Time
}

// A use takes a part of the total at once, so that few writes look at other uses. One
// that has nothing staged may keep up to two: they are small, so that many uses that are
// idle leave room for others.
const (
	shareSteps  = 1024     // of the total
	longestStep = 16 << 20 // bytes
)

func (s *share) step() int64 { return max(1, min(s.total/shareSteps, longestStep)) }

// shareFile is the file's name in the directory of a use.
const shareFile = "staged"

// stagedTotal is that of a volume, or its default.
func stagedTotal(v settings.Volume) int64 {
	return cmp.Or(int64(v.StagedTotal), stagedTotals*cmp.Or(int64(v.StagedSize), blob.DefaultConfig.StageBytes))
}

// stagedTotals is how often staged-size is in the default.
const stagedTotals = 4

// room is a blob.Config.StageRoom.
func (s *share) room(bytes int64) error {
	step := s.step()
	if bytes <= s.taken && s.taken-bytes < 2*step {
		return nil
	}
	had := min(s.taken, bytes)
	others, err := s.take((bytes + step - 1) / step * step)
	if err == nil && others+s.taken > s.total { // without the step there may be room
		others, err = s.take(bytes)
	}
	if err == nil && others+s.taken <= s.total {
		return nil
	}
	// What is refused is given back: who asks again must not find it taken.
	_, back := s.take(had)
	s.taken = had
	if err := cmp.Or(err, back); err != nil {
		return fmt.Errorf("the disk that staged files take: %w", err)
	}
	if time.Since(s.logged) > time.Minute {
		s.logged = time.Now()
		s.log.Error("staged files take all of staged-total: writers get ENOSPC", "staged-total", s.total,
			"others", others, "wanted", bytes, "directory", filepath.Dir(s.use))
	}
	return fmt.Errorf("staged-total, %d bytes, is used up", s.total)
}

// take writes how much this use takes, and returns what the others do.
func (s *share) take(bytes int64) (others int64, err error) {
	if err := writeShare(s.use, bytes); err != nil {
		return 0, err
	}
	s.taken = bytes
	all, err := shares(filepath.Dir(s.use))
	return all - bytes, err
}

func writeShare(use string, bytes int64) error {
	path := filepath.Join(use, shareFile)
	if err := os.WriteFile(path+"~", strconv.AppendInt(nil, bytes, 10), 0o600); err != nil {
		return err
	}
	return os.Rename(path+"~", path)
}

// shares returns what all uses of a volume take.
func shares(volume string) (sum int64, err error) {
	files, err := filepath.Glob(filepath.Join(volume, "*", shareFile))
	for _, f := range files {
		text, rerr := os.ReadFile(f)
		if errors.Is(rerr, fs.ErrNotExist) {
			continue // the use has ended
		}
		n, perr := strconv.ParseInt(string(text), 10, 64)
		if err := errors.Join(rerr, perr); err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, err
}
