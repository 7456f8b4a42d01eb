package blob

import (
	"context"
	"time"

	"gocloud.dev/blob"
)

func contextWithTimeout(k *kit, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(k.ctx, d)
}

func writerWith(contentType string, metadata map[string]string) *blob.WriterOptions {
	return &blob.WriterOptions{ContentType: contentType, Metadata: metadata}
}
