"""Has one resource checked, or a sweep made, because somebody asks for it now."""
