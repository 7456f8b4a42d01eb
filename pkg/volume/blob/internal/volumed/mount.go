package volumed

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"time"

	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/directfs/runsc/pkg/volume/blob/internal/stores"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
)

// identity says which objects a volume's staged files are of.
func identity(v settings.Volume) string { return v.URL + "\n" + v.Prefix + "\n" }

// storeName is the store's URL, if it can be shown.
func storeName(v settings.Volume) string {
	l, err := stores.Parse(v.URL)
	if err != nil {
		return "(invalid)"
	}
	return l.String()
}

// storeScheme is the kind of a volume's store, or "".
func storeScheme(v settings.Volume) string {
	l, err := stores.Parse(v.URL)
	if err != nil {
		return ""
	}
	return l.Scheme()
}

// openStore opens the store of a volume.
func openStore(ctx context.Context, v settings.Volume) (*stores.Store, error) {
	l, err := stores.Parse(v.URL)
	if err != nil {
		return nil, err
	}
	return stores.Open(ctx, l, v.Credentials())
}

// config is what the package blob needs to know of a volume.
func config(v settings.Volume, s *stores.Store, dir string, log *slog.Logger, o blob.Observer) blob.Config {
	return blob.Config{
		Bucket: s.Bucket, Prefix: v.Prefix, ReadOnly: v.ReadOnly, Dir: dir,
		CacheBytes: int64(v.CacheSize), CacheObjectBytes: int64(v.CacheObjectSize),
		StageBytes: int64(v.StagedSize), MemoryBytes: int64(v.MemorySize),
		ListEntries: v.ListEntries, PageObjects: s.PageObjects, ListTTL: time.Duration(v.ListTTL),
		RequestTimeout: time.Duration(v.RequestTimeout), MinRate: int64(v.MinRate),
		Requests: v.Requests, PartBytes: int(v.PartSize), PartRequests: v.PartRequests,
		PrefetchObjectBytes: int64(v.PrefetchObjectSize), PrefetchFiles: v.PrefetchFiles,
		RenameObjects: v.RenameObjects, KeepTimes: v.KeepTimes, KeepStaged: time.Duration(v.KeepStaged),
		FileMode: fs.FileMode(v.FileMode), DirMode: fs.FileMode(v.DirMode), UID: v.UID, GID: v.GID,
		IfMatch: s.IfMatch, ReadIfMatch: s.ReadIfMatch, ReaderETag: s.ReaderETag, Status: s.Status,
		Logger: log, Observer: o,
	}
}

// requestTimeout is that of one request about a volume.
func requestTimeout(v settings.Volume) time.Duration {
	return cmp.Or(time.Duration(v.RequestTimeout), blob.DefaultConfig.RequestTimeout)
}
