"""The checks that come with the product, one file each. They come by entry points, as anybody's do."""
