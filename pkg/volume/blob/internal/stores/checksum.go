package stores

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/directfs/runsc/pkg/volume/blob/internal/crc64nvme"
)

const (
	checksumHeader = "X-Amz-Checksum-Crc64nvme"

	// validation is the library's middleware that checks what is read.
	validation = "AWSChecksum:ValidateOutputPayloadChecksum"
)

// checkFast lets the checksum that S3 makes of every object be checked here. The
// library does so too, and needs most of the time of a fast download for it.
func checkFast(o *s3.Options) {
	if o.ResponseChecksumValidation == aws.ResponseChecksumValidationWhenRequired {
		return // the operator wants none to be checked
	}
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		if stack.ID() != "GetObject" {
			return nil
		}
		return stack.Deserialize.Insert(middleware.DeserializeMiddlewareFunc("CheckCRC64NVME", check), validation, middleware.After)
	})
}

// check sees a response before the library's validation, which then finds no such
// checksum. Others are left to it.
func check(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	out middleware.DeserializeOutput, m middleware.Metadata, err error,
) {
	out, m, err = next.HandleDeserialize(ctx, in)
	r, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok {
		return out, m, err
	}
	// With a dash it is made of the parts' checksums, and cannot be checked.
	if sum := r.Header.Get(checksumHeader); sum != "" && !strings.Contains(sum, "-") {
		r.Header.Del(checksumHeader)
		r.Body = &checked{r.Body, crc64nvme.New(), sum}
	}
	return out, m, nil
}

// checked is a body that has a checksum. Read fails at the end if it is another.
type checked struct {
	io.ReadCloser
	sum  hash.Hash64
	want string
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sum.Write(p[:n])
	if err == io.EOF {
		if got := base64.StdEncoding.EncodeToString(c.sum.Sum(nil)); got != c.want {
			return n, fmt.Errorf("the content has the checksum %s, and the store announced %s (CRC64NVME)", got, c.want)
		}
	}
	return n, err
}
