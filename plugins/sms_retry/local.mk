# plugins/sms_retry: joins here.
